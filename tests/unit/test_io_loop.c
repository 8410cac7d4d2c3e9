/* SPDX-License-Identifier: Apache-2.0 */
#include "devices/io_loop.h"

#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

static struct io_loop *loop;

static int setup(void **state)
{
    (void)state;
    struct error error;
    loop = io_loop_create(&error);
    assert_non_null(loop);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    io_loop_destroy(loop);
    return 0;
}

static void count_up(void *context)
{
    atomic_fetch_add((_Atomic unsigned *)context, 1);
}

static void nothing(void *context)
{
    (void)context;
}

static void call_returns_when_the_function_has_run(void **state)
{
    (void)state;
    _Atomic unsigned count = 0;
    for (unsigned i = 1; i <= 1000; i++) {
        io_loop_call(loop, count_up, &count);
        assert_int_equal(count, i);
    }
}

static void call_inside(void *context)
{
    io_loop_call(loop, count_up, context);
}

static void call_on_the_io_thread_runs_at_once(void **state)
{
    (void)state;
    _Atomic unsigned count = 0;
    io_loop_call(loop, call_inside, &count);
    assert_int_equal(count, 1);
}

struct poster {
    struct io_task task;
    _Atomic unsigned runs;
    _Atomic bool last_seen;
    _Atomic bool last_posted;
};

static void note_run(void *context)
{
    struct poster *poster = context;
    if (poster->last_posted) {
        poster->last_seen = true;
    }
    poster->runs++;
}

static void *post_often(void *context)
{
    struct poster *poster = context;
    for (unsigned i = 0; i < 5000; i++) {
        io_task_post(&poster->task);
    }
    return NULL;
}

static void task_runs_after_its_last_post(void **state)
{
    (void)state;
    struct poster poster = { .runs = 0 };
    io_task_init(&poster.task, loop, note_run, &poster);
    pthread_t threads[3];
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, post_often, &poster), 0);
    }
    for (unsigned i = 0; i < 3; i++) {
        pthread_join(threads[i], NULL);
    }
    poster.last_posted = true;
    io_task_post(&poster.task);
    io_loop_call(loop, nothing, NULL);
    assert_true(poster.last_seen);
    assert_in_range(poster.runs, 1, 15001);
}

static void wait_until_let_go(void *context)
{
    while (sem_wait(context) != 0) { /* EINTR */
    }
}

static void cancelled_task_does_not_run(void **state)
{
    (void)state;
    _Atomic unsigned count = 0;
    sem_t let_go;
    struct io_task busy;
    struct io_task before;
    struct io_task task;
    struct io_task after;
    assert_int_equal(sem_init(&let_go, 0, 0), 0);
    io_task_init(&busy, loop, wait_until_let_go, &let_go);
    io_task_init(&before, loop, nothing, NULL);
    io_task_init(&task, loop, count_up, &count);
    io_task_init(&after, loop, nothing, NULL);
    io_task_post(&busy);
    io_task_post(&before);
    io_task_post(&task);
    io_task_post(&after);
    io_task_cancel(&task);
    io_task_cancel(&task);
    io_task_cancel(&after);
    assert_int_equal(sem_post(&let_go), 0); /* none of them can have run before */
    io_loop_call(loop, nothing, NULL);
    assert_int_equal(count, 0);
    io_task_cancel(&busy); /* waits if it runs */
    io_task_post(&task);
    io_loop_call(loop, nothing, NULL);
    assert_int_equal(count, 1);
    sem_destroy(&let_go);
}

struct reader {
    int fd;
    struct io_watch *watch;
    _Atomic unsigned bytes;
    _Atomic bool end;
};

static void read_byte(void *context, unsigned events)
{
    struct reader *reader = context;
    assert_int_equal(events, IO_READABLE);
    char byte;
    if (read(reader->fd, &byte, 1) == 1) {
        reader->bytes++;
    } else {
        reader->end = true;
        io_watch_events(reader->watch, 0);
    }
}

static void open_reader(void *context)
{
    struct reader *reader = context;
    reader->watch = io_watch_open(loop, reader->fd, read_byte, reader);
    io_watch_events(reader->watch, IO_READABLE);
}

static void close_reader(void *context)
{
    struct reader *reader = context;
    io_watch_close(reader->watch);
}

static void watch_tells_of_input_and_of_its_end(void **state)
{
    (void)state;
    int pair[2];
    assert_int_equal(pipe(pair), 0);
    struct reader reader = { .fd = pair[0] };
    io_loop_call(loop, open_reader, &reader);
    assert_int_equal(write(pair[1], "abc", 3), 3);
    for (unsigned i = 0; i < 5000 && reader.bytes < 3; i++) {
        usleep(1000);
    }
    assert_int_equal(reader.bytes, 3);
    assert_int_equal(fcntl(pair[0], F_GETFL) & O_NONBLOCK, 0); /* left as it was */
    close(pair[1]);
    for (unsigned i = 0; i < 5000 && !reader.end; i++) {
        usleep(1000);
    }
    assert_true(reader.end);
    io_loop_call(loop, close_reader, &reader);
    close(pair[0]);
}

static void open_on_regular_file(void *context)
{
    struct reader *reader = context;
    reader->watch = io_watch_open(loop, reader->fd, read_byte, reader);
}

static void regular_file_cannot_be_watched(void **state)
{
    (void)state;
    FILE *file = tmpfile();
    struct reader reader = { .fd = fileno(file) };
    io_loop_call(loop, open_on_regular_file, &reader);
    assert_null(reader.watch);
    fclose(file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(call_returns_when_the_function_has_run, setup, teardown),
        cmocka_unit_test_setup_teardown(call_on_the_io_thread_runs_at_once, setup, teardown),
        cmocka_unit_test_setup_teardown(task_runs_after_its_last_post, setup, teardown),
        cmocka_unit_test_setup_teardown(cancelled_task_does_not_run, setup, teardown),
        cmocka_unit_test_setup_teardown(watch_tells_of_input_and_of_its_end, setup, teardown),
        cmocka_unit_test_setup_teardown(regular_file_cannot_be_watched, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
