/* SPDX-License-Identifier: Apache-2.0 */
#include "core/vcpu.h"

#include "core/alarm.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include <cmocka.h>

#define MILLISECOND UINT64_C(1000000)

static void a_request_stays_until_it_is_taken(void **state)
{
    (void)state;
    struct vcpu vcpu;
    vcpu_init(&vcpu, 0);
    vcpu_request(&vcpu, VCPU_INTERRUPT | VCPU_FLUSH);
    assert_int_equal(vcpu_attention(&vcpu), VCPU_INTERRUPT | VCPU_FLUSH);
    assert_int_equal(vcpu_take(&vcpu, VCPU_INTERRUPT | VCPU_STOP), VCPU_INTERRUPT);
    assert_int_equal(vcpu_attention(&vcpu), VCPU_FLUSH);
    vcpu_fini(&vcpu);
}

static void a_wait_with_a_request_outstanding_returns_at_once(void **state)
{
    (void)state;
    struct vcpu vcpu;
    vcpu_init(&vcpu, 0);
    vcpu_request(&vcpu, VCPU_STOP);
    vcpu_wait(&vcpu, ALARM_NEVER);
    assert_int_equal(vcpu_attention(&vcpu), VCPU_STOP);
    vcpu_fini(&vcpu);
}

static void a_wait_ends_at_its_deadline_and_not_before(void **state)
{
    (void)state;
    struct vcpu vcpu;
    vcpu_init(&vcpu, 0);
    uint64_t deadline = alarm_now() + 5 * MILLISECOND;
    vcpu_wait(&vcpu, deadline);
    assert_true(alarm_now() >= deadline);
    vcpu_fini(&vcpu);
}

static void *request_soon(void *argument)
{
    struct timespec time = { .tv_nsec = 5000000 };
    nanosleep(&time, NULL);
    vcpu_request(argument, VCPU_INTERRUPT);
    return NULL;
}

static void a_request_from_another_thread_wakes_a_sleeper(void **state)
{
    (void)state;
    struct vcpu vcpu;
    vcpu_init(&vcpu, 0);
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, request_soon, &vcpu), 0);
    vcpu_wait(&vcpu, ALARM_NEVER);
    assert_int_equal(vcpu_take(&vcpu, UINT32_MAX), VCPU_INTERRUPT);
    pthread_join(thread, NULL);
    vcpu_fini(&vcpu);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_stays_until_it_is_taken),
        cmocka_unit_test(a_wait_with_a_request_outstanding_returns_at_once),
        cmocka_unit_test(a_wait_ends_at_its_deadline_and_not_before),
        cmocka_unit_test(a_request_from_another_thread_wakes_a_sleeper),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
