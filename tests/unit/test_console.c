/* SPDX-License-Identifier: Apache-2.0 */
#include "devices/console.h"

#include "devices/io_loop.h"

#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

/* A device that takes `room` bytes of input. */
struct client {
    pthread_mutex_t lock;
    uint8_t input[200000];
    size_t input_size;
    size_t room;
    unsigned writable_calls;
};

static struct io_loop *loop;
static struct client client;

static size_t take(void *context, const uint8_t *bytes, size_t size)
{
    struct client *self = context;
    pthread_mutex_lock(&self->lock);
    size_t taken = size < self->room ? size : self->room;
    memcpy(self->input + self->input_size, bytes, taken);
    self->input_size += taken;
    self->room -= taken;
    pthread_mutex_unlock(&self->lock);
    return taken;
}

static void note_writable(void *context)
{
    struct client *self = context;
    pthread_mutex_lock(&self->lock);
    self->writable_calls++;
    pthread_mutex_unlock(&self->lock);
}

static const struct console_client callbacks = { &client, take, note_writable };

static size_t input_size(void)
{
    pthread_mutex_lock(&client.lock);
    size_t size = client.input_size;
    pthread_mutex_unlock(&client.lock);
    return size;
}

static unsigned writable_calls(void)
{
    pthread_mutex_lock(&client.lock);
    unsigned calls = client.writable_calls;
    pthread_mutex_unlock(&client.lock);
    return calls;
}

static void set_room(size_t room)
{
    pthread_mutex_lock(&client.lock);
    client.room = room;
    pthread_mutex_unlock(&client.lock);
}

static bool wait_for_input(size_t size)
{
    for (unsigned i = 0; i < 5000 && input_size() < size; i++) {
        usleep(1000);
    }
    return input_size() == size;
}

static int setup(void **state)
{
    (void)state;
    struct error error;
    loop = io_loop_create(&error);
    assert_non_null(loop);
    memset(&client, 0, sizeof client);
    pthread_mutex_init(&client.lock, NULL);
    client.room = sizeof client.input;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    io_loop_destroy(loop);
    pthread_mutex_destroy(&client.lock);
    return 0;
}

static struct console_backend *open_console(int in_fd, int out_fd, const struct console_filter *filter)
{
    struct error error;
    struct console_backend *console = console_fd_create(loop, in_fd, out_fd, filter, &error);
    assert_non_null(console);
    console_attach(console, &callbacks);
    return console;
}

static void close_console(struct console_backend *console)
{
    console_attach(console, NULL);
    console_destroy(console);
}

static void output_reaches_a_pipe(void **state)
{
    (void)state;
    int pair[2];
    assert_int_equal(pipe(pair), 0);
    struct console_backend *console = open_console(-1, pair[1], NULL);
    assert_int_equal(console_write(console, (const uint8_t *)"hello", 5), 5);
    char text[6] = "";
    assert_int_equal(read(pair[0], text, 5), 5);
    assert_string_equal(text, "hello");
    assert_int_equal(fcntl(pair[1], F_GETFL) & O_NONBLOCK, 0); /* the shell's descriptor is left as it was */
    struct error error;
    assert_true(console_flush(console, &error));
    close_console(console);
    close(pair[0]);
    close(pair[1]);
}

static void *read_slowly(void *argument)
{
    int fd = *(const int *)argument;
    uint8_t *bytes = malloc(4096);
    uint64_t sum = 0;
    ssize_t size;
    while ((size = read(fd, bytes, 4096)) > 0) {
        for (ssize_t i = 0; i < size; i++) {
            sum = sum * 31 + bytes[i];
        }
    }
    free(bytes);
    return (void *)(uintptr_t)sum; // NOLINT: a number
}

/* A megabyte through a pipe or socket whose reader is slow: nothing is lost, nothing blocks, room is told. */
static void pump_a_megabyte(int in_end, int out_end)
{
    struct console_backend *console = open_console(-1, out_end, NULL);
    uint64_t sum = 0;
    size_t done = 0;
    bool was_full = false;
    uint8_t piece[997];
    pthread_t reader;
    bool reading = false;
    while (done < 1000000) {
        for (size_t i = 0; i < sizeof piece; i++) {
            piece[i] = (uint8_t)((done + i) * 13);
        }
        unsigned calls = writable_calls();
        size_t taken = console_write(console, piece, sizeof piece);
        for (size_t i = 0; i < taken; i++) {
            sum = sum * 31 + piece[i];
        }
        done += taken;
        if (taken < sizeof piece) {
            was_full = true;
            if (!reading) {
                reading = true;
                assert_int_equal(pthread_create(&reader, NULL, read_slowly, &in_end), 0);
            }
            for (unsigned i = 0; i < 5000 && writable_calls() == calls; i++) {
                usleep(1000);
            }
            assert_int_not_equal(writable_calls(), calls);
        }
    }
    assert_true(was_full);
    struct error error;
    assert_true(console_flush(console, &error));
    close_console(console);
    close(out_end);
    void *result;
    pthread_join(reader, &result);
    assert_true((uintptr_t)result == (uintptr_t)sum);
    close(in_end);
}

static void slow_reader_of_a_pipe_loses_nothing(void **state)
{
    (void)state;
    int pair[2];
    assert_int_equal(pipe(pair), 0);
    pump_a_megabyte(pair[0], pair[1]);
}

static void slow_reader_of_a_socket_loses_nothing(void **state)
{
    (void)state;
    int pair[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    pump_a_megabyte(pair[0], pair[1]);
}

static void closed_reader_is_an_error_at_flush(void **state)
{
    (void)state;
    int pair[2];
    assert_int_equal(pipe(pair), 0);
    struct console_backend *console = open_console(-1, pair[1], NULL);
    close(pair[0]);
    struct error error;
    assert_int_equal(console_write(console, (const uint8_t *)"lost", 4), 4);
    assert_false(console_flush(console, &error));
    assert_non_null(strstr(error.text, "4 bytes of console output were lost"));
    assert_int_equal(console_write(console, (const uint8_t *)"more", 4), 4); /* the guest goes on */
    close_console(console);
    close(pair[1]);
}

static void full_disk_is_an_error_at_flush(void **state)
{
    (void)state;
    struct error error;
    struct console_backend *console = console_file_create(loop, "/dev/full", &error);
    assert_non_null(console);
    console_write(console, (const uint8_t *)"x", 1);
    assert_false(console_flush(console, &error));
    assert_non_null(strstr(error.text, "No space left"));
    console_destroy(console);
}

static void file_holds_what_was_written(void **state)
{
    (void)state;
    struct error error;
    char path[] = "/tmp/ravelin-test-console-XXXXXX";
    int fd = mkstemp(path);
    assert_int_equal(write(fd, "old contents", 12), 12);
    struct console_backend *console = console_file_create(loop, path, &error);
    assert_non_null(console);
    console_write(console, (const uint8_t *)"new", 3);
    console_destroy(console); /* flushes */
    char text[20] = "";
    assert_int_equal(pread(fd, text, sizeof text, 0), 3);
    assert_string_equal(text, "new");
    close(fd);
    unlink(path);
    assert_null(console_file_create(loop, "/nonexistent/console", &error));
    assert_non_null(strstr(error.text, "/nonexistent/console"));
}

static void input_is_delivered(void **state)
{
    (void)state;
    int pair[2];
    assert_int_equal(pipe(pair), 0);
    struct console_backend *console = open_console(pair[0], -1, NULL);
    assert_int_equal(write(pair[1], "typed", 5), 5);
    assert_true(wait_for_input(5));
    assert_memory_equal(client.input, "typed", 5);
    close(pair[1]);
    usleep(10000);
    close_console(console);
    close(pair[0]);
}

static void refused_input_waits_for_resume(void **state)
{
    (void)state;
    int pair[2];
    assert_int_equal(pipe(pair), 0);
    set_room(3);
    struct console_backend *console = open_console(pair[0], -1, NULL);
    assert_int_equal(write(pair[1], "abcdefgh", 8), 8);
    assert_true(wait_for_input(3));
    set_room(2);
    console_resume(console);
    assert_true(wait_for_input(5));
    set_room(100);
    console_resume(console);
    assert_true(wait_for_input(8));
    assert_memory_equal(client.input, "abcdefgh", 8);
    close_console(console);
    close(pair[0]);
    close(pair[1]);
}

static void input_before_the_device_is_kept(void **state)
{
    (void)state;
    struct error error;
    int pair[2];
    assert_int_equal(pipe(pair), 0);
    struct console_backend *console = console_fd_create(loop, pair[0], -1, NULL, &error);
    assert_int_equal(write(pair[1], "early", 5), 5);
    usleep(10000);
    console_attach(console, &callbacks);
    assert_true(wait_for_input(5));
    close_console(console);
    close(pair[0]);
    close(pair[1]);
}

static void regular_file_is_input_to_its_end(void **state)
{
    (void)state;
    FILE *file = tmpfile();
    for (unsigned i = 0; i < 100000; i++) {
        fputc((int)(i % 251), file);
    }
    fflush(file);
    rewind(file);
    struct console_backend *console = open_console(fileno(file), -1, NULL);
    assert_true(wait_for_input(100000));
    for (unsigned i = 0; i < 100000; i++) {
        assert_int_equal(client.input[i], i % 251);
    }
    close_console(console);
    fclose(file);
}

struct watcher {
    _Atomic unsigned quits;
};

/* Takes 'q' out and counts it. */
static size_t take_out_q(void *context, uint8_t *bytes, size_t size)
{
    struct watcher *watcher = context;
    size_t kept = 0;
    for (size_t i = 0; i < size; i++) {
        if (bytes[i] == 'q') {
            watcher->quits++;
        } else {
            bytes[kept++] = bytes[i];
        }
    }
    return kept;
}

static void filter_sees_input_the_guest_never_reads(void **state)
{
    (void)state;
    int pair[2];
    assert_int_equal(pipe(pair), 0);
    struct watcher watcher = { 0 };
    const struct console_filter filter = { &watcher, take_out_q };
    set_room(0);
    struct console_backend *console = open_console(pair[0], -1, &filter);
    static uint8_t flood[100000];
    memset(flood, 'x', sizeof flood);
    assert_int_equal(write(pair[1], flood, sizeof flood), sizeof flood);
    assert_int_equal(write(pair[1], "q", 1), 1);
    for (unsigned i = 0; i < 5000 && watcher.quits == 0; i++) {
        usleep(1000);
    }
    assert_int_equal(watcher.quits, 1);
    set_room(sizeof client.input);
    console_resume(console);
    assert_true(wait_for_input(CONSOLE_INPUT_SIZE)); /* what exceeds it was dropped */
    close_console(console);
    close(pair[0]);
    close(pair[1]);
}

static void pseudo_terminal_carries_both_directions(void **state)
{
    (void)state;
    struct error error;
    char name[CONSOLE_PTY_NAME_SIZE];
    struct console_backend *console = console_pty_create(loop, name, &error);
    if (console == NULL) {
        print_message("# %s\n", error.text);
        skip();
    }
    console_attach(console, &callbacks);
    int fd = open(name, O_RDWR | O_NOCTTY);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, "in\r\x03", 4), 4);
    assert_true(wait_for_input(4));
    assert_memory_equal(client.input, "in\r\x03", 4); /* raw: nothing is changed, no signal */
    console_write(console, (const uint8_t *)"out\n", 4);
    char text[8] = "";
    assert_int_equal(read(fd, text, sizeof text), 4);
    assert_string_equal(text, "out\n");
    close(fd);
    static uint8_t flood[300000];
    assert_int_equal(console_write(console, flood, sizeof flood), sizeof flood); /* nobody reads: no waiting */
    assert_true(console_flush(console, &error));
    close_console(console);
}

static void closed_descriptor_is_refused(void **state)
{
    (void)state;
    struct error error;
    int fd = dup(0);
    close(fd);
    assert_null(console_fd_create(loop, fd, -1, NULL, &error));
    assert_non_null(strstr(error.text, "console input"));
    assert_null(console_fd_create(loop, -1, fd, NULL, &error));
    assert_non_null(strstr(error.text, "console output"));
}

static void null_console_swallows_everything(void **state)
{
    (void)state;
    struct error error;
    struct console_backend *console = console_null_create();
    console_attach(console, &callbacks);
    assert_int_equal(console_write(console, (const uint8_t *)"abc", 3), 3);
    console_resume(console);
    assert_true(console_flush(console, &error));
    console_attach(console, NULL);
    console_destroy(console);
    console_destroy(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(output_reaches_a_pipe, setup, teardown),
        cmocka_unit_test_setup_teardown(slow_reader_of_a_pipe_loses_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(slow_reader_of_a_socket_loses_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(closed_reader_is_an_error_at_flush, setup, teardown),
        cmocka_unit_test_setup_teardown(full_disk_is_an_error_at_flush, setup, teardown),
        cmocka_unit_test_setup_teardown(file_holds_what_was_written, setup, teardown),
        cmocka_unit_test_setup_teardown(input_is_delivered, setup, teardown),
        cmocka_unit_test_setup_teardown(refused_input_waits_for_resume, setup, teardown),
        cmocka_unit_test_setup_teardown(input_before_the_device_is_kept, setup, teardown),
        cmocka_unit_test_setup_teardown(regular_file_is_input_to_its_end, setup, teardown),
        cmocka_unit_test_setup_teardown(filter_sees_input_the_guest_never_reads, setup, teardown),
        cmocka_unit_test_setup_teardown(pseudo_terminal_carries_both_directions, setup, teardown),
        cmocka_unit_test_setup_teardown(closed_descriptor_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(null_console_swallows_everything, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
