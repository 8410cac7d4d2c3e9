/* SPDX-License-Identifier: Apache-2.0 */
#include "peer.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* Everything the description knows and this QEMU can do. */
#define PEER_CPU                                                                                                      \
    "rv64,h=off,v=off,zfa=on,zfh=on,zba=on,zbb=on,zbc=on,zbs=on,zbkb=on,zbkc=on,zbkx=on,zicond=on,zimop=on,zcmop=on," \
    "zcb=on,zacas=on,zawrs=on,zicbom=on,zicboz=on,zicbop=on,svinval=on"

bool peer_start(struct peer *peer, const char *qemu, const char *image)
{
    int ends[2];
    if (pipe(ends) != 0) {
        return false;
    }
    peer->process = fork();
    if (peer->process < 0) {
        return false;
    }
    if (peer->process == 0) {
        char log[32];
        snprintf(log, sizeof log, "/dev/fd/%d", ends[1]);
        close(ends[0]);
        int null = open("/dev/null", O_RDWR);
        dup2(null, STDIN_FILENO);
        dup2(null, STDOUT_FILENO);
        dup2(null, STDERR_FILENO);
        execl(qemu, qemu, "-M", "virt", "-cpu", PEER_CPU, "-m", "16M", "-bios", image, "-display", "none", "-monitor",
              "none", "-serial", "none", "-accel", "tcg,one-insn-per-tb=on", "-d", "cpu,fpu,nochain", "-D", log,
              (char *)NULL);
        _exit(127);
    }
    close(ends[1]);
    fcntl(ends[0], F_SETFD, FD_CLOEXEC);
    peer->log = fdopen(ends[0], "r");
    if (peer->log == NULL) {
        return false;
    }
    setvbuf(peer->log, NULL, _IOFBF, 1 << 20);
    return true;
}

static uint64_t *field_for(struct peer_state *state, const char *name)
{
    if ((name[0] == 'x' || name[0] == 'f') && name[1] >= '0' && name[1] <= '9') {
        unsigned long number = strtoul(name + 1, NULL, 10);
        return number >= 32 ? NULL : name[0] == 'x' ? &state->x[number] : &state->f[number];
    }
    if (strncmp(name, "mepc ", 5) == 0) {
        return &state->mepc;
    }
    if (strncmp(name, "mcause ", 7) == 0) {
        return &state->mcause;
    }
    if (strncmp(name, "mtval ", 6) == 0) {
        return &state->mtval;
    }
    if (strncmp(name, "fcsr ", 5) == 0) {
        return &state->fcsr;
    }
    return NULL;
}

/* Pairs of a name and a number. */
static void read_line(struct peer_state *state, char *line)
{
    char *at = line;
    while (*at == ' ') {
        at++;
        uint64_t *field = field_for(state, at);
        at += strcspn(at, " \n");
        char *end;
        uint64_t value = strtoull(at, &end, 16);
        if (end == at) {
            return;
        }
        if (field != NULL) {
            *field = value;
        }
        at = end;
    }
}

/* A record begins with its pc and ends with the line of f28. */
bool peer_next(struct peer *peer, struct peer_state *state)
{
    char line[512];
    while (fgets(line, sizeof line, peer->log) != NULL) {
        if (strncmp(line, " pc ", 4) == 0) {
            state->pc = strtoull(line + 4, NULL, 16);
        } else {
            read_line(state, line);
        }
        if (strncmp(line, " f28/", 5) == 0) {
            return true;
        }
    }
    return false;
}

void peer_stop(struct peer *peer)
{
    if (peer->log != NULL) {
        fclose(peer->log);
    }
    if (peer->process > 0) {
        kill(peer->process, SIGKILL);
        waitpid(peer->process, NULL, 0);
    }
}
