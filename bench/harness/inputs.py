# SPDX-License-Identifier: Apache-2.0
"""What is built before a machine starts: the guest program, what the packaged programs read, the initramfs."""
import concurrent.futures
import hashlib
import os
import random
import shutil
import subprocess
import sys

from harness import generate

BENCH = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
TOOLS = os.path.join(BENCH, "..", "tools")
GUEST_CC = "riscv64-linux-gnu-gcc"
PROGRAM_COUNT = 1000


def say(text):
    print(f"compare: {text}", file=sys.stderr, flush=True)


def tool(name, *arguments):
    """What a script of tools/ prints: a path."""
    try:
        return subprocess.run([os.path.join(TOOLS, name), *arguments], check=True, stdout=subprocess.PIPE, text=True).stdout.strip()
    except subprocess.CalledProcessError:
        sys.exit(f"compare: tools/{name} failed; what is wrong stands above")


def compile_guest(output, sources, *options):
    try:
        subprocess.run([GUEST_CC, *options, "-o", output, *sources], check=True)
    except FileNotFoundError:
        sys.exit(f"compare: no {GUEST_CC}; run tools/install-packages bench")
    except subprocess.CalledProcessError:
        sys.exit(f"compare: {GUEST_CC} failed; what is wrong stands above")


def workload_sources():
    folder = os.path.join(BENCH, "guest")
    return [os.path.join(folder, name) for name in sorted(os.listdir(folder)) if name.endswith(".c")]


def build_program(folder, number):
    path = os.path.join(folder, f"{number:04}")
    with open(path + ".c", "w", encoding="utf-8") as file:
        file.write(generate.program(number))
    compile_guest(path, [path + ".c"], "-O1", "-w", "-fno-stack-protector", "-nostdlib", "-static", "-s",
                  "-Wl,-z,max-page-size=4096,--build-id=none")
    os.remove(path + ".c")


def programs():
    """A folder with PROGRAM_COUNT different programs, built once per user and generator."""
    with open(generate.__file__, "rb") as file:
        version = hashlib.sha256(file.read()).hexdigest()[:12]
    cache = os.path.join(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "ravelin")
    folder = os.path.join(cache, f"bench-programs-{version}")
    if not os.path.isdir(folder):
        say(f"building {PROGRAM_COUNT} different programs (a minute or two, once) ...")
        new = f"{folder}.{os.getpid()}"
        os.makedirs(new)
        try:
            with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
                list(pool.map(lambda number: build_program(new, number), range(PROGRAM_COUNT)))
            os.rename(new, folder)
        finally:
            shutil.rmtree(new, ignore_errors=True)
    return folder


def statements(count):
    """SQL: two tables, indexes, joins, changes and questions. Each run starts from nothing."""
    rand = random.Random(count)
    words = ["".join(rand.choice("abcdefghij") for _ in range(3 + rand.randrange(9))) for _ in range(500)]
    yield "PRAGMA journal_mode=WAL; DROP TABLE IF EXISTS sale; DROP TABLE IF EXISTS item;"
    yield "CREATE TABLE item(id INTEGER PRIMARY KEY, name TEXT, price REAL); CREATE TABLE sale(id INTEGER PRIMARY KEY, item INTEGER, amount INTEGER, note TEXT); BEGIN;"
    for number in range(count // 10):
        yield f"INSERT INTO item VALUES({number}, '{rand.choice(words)}-{number}', {rand.randrange(10000) / 100});"
    for number in range(count):
        yield f"INSERT INTO sale VALUES({number}, {rand.randrange(count // 10)}, {rand.randrange(100)}, '{rand.choice(words)} {rand.choice(words)}');"
    yield "COMMIT; CREATE INDEX sale_item ON sale(item); CREATE INDEX sale_note ON sale(note, amount);"
    for number in range(count // 50):
        yield f"SELECT item.name, sum(amount * price) FROM sale JOIN item ON item.id = sale.item WHERE item = {rand.randrange(count // 10)};"
        yield f"UPDATE sale SET amount = amount + 1 WHERE note > '{rand.choice(words)}' AND id % 97 = {number % 97};" if number % 20 == 0 else \
            f"SELECT count(*), max(amount) FROM sale WHERE note LIKE '{rand.choice(words)[:3]}%';"
    yield "SELECT item, sum(amount) AS total, count(*) FROM sale GROUP BY item ORDER BY total DESC, item LIMIT 20;"
    yield "SELECT a.note, count(*) FROM sale a JOIN sale b ON a.item = b.item AND a.amount < b.amount GROUP BY a.note ORDER BY 2 DESC, 1 LIMIT 10;"
    yield "DELETE FROM sale WHERE amount % 3 = 0; SELECT count(*), sum(length(note)) FROM sale;"


def disk(folder, program, output):
    """A disk with what the packaged programs read, the 1,000 programs and the guest program."""
    tree = os.path.join(folder, "inputs")
    shutil.copytree(os.path.join(BENCH, "packaged"), tree)
    shutil.copytree(programs(), os.path.join(tree, "programs"))
    shutil.copy(program, os.path.join(tree, "bench"))
    with open(os.path.join(tree, "sales.sql"), "w", encoding="utf-8") as file:
        file.write("\n".join(statements(8000)) + "\n")
    with open(os.path.join(tree, "unit.c"), "w", encoding="utf-8") as file:
        file.write(generate.source(99, 6))
    with open(os.path.join(tree, "mixed"), "wb") as mixed:
        for name in ("sales.sql", "unit.c", *(f"programs/{number:04}" for number in range(100))):
            with open(os.path.join(tree, name), "rb") as file:
                mixed.write(file.read())
    path = os.environ["PATH"] + ":/usr/sbin:/sbin"
    subprocess.run(["mkfs.ext4", "-q", "-F", "-O", "^has_journal", "-E", "root_owner=0:0", "-d", tree, output, "48M"], check=True, stdout=subprocess.DEVNULL,
                   env={**os.environ, "PATH": path})
    return output


def initramfs(folder, name, guest, program, script):
    """An initramfs that says "user space" and then does as `script` says."""
    main, output = os.path.join(folder, f"{name}.main"), os.path.join(folder, f"{name}.gz")
    with open(main, "w", encoding="utf-8") as file:
        file.write("echo user space\n" + script)
    tool("make-initramfs", guest, main, output, program)
    return output
