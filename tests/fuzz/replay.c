/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A main program for fuzz targets where libFuzzer is not at hand (gcc), and for the test suite: gives the target
 *   1. every file named as an argument, or inside a folder so named,
 *   2. seeded pseudo-random inputs, half of them changed copies of those files, for RAVELIN_FUZZ_SECONDS (default 5).
 *
 * The seed is RAVELIN_SEED or the time, and printed. Input number n depends on seed and n alone: when one fails, the
 * program says how to run just that one (RAVELIN_FUZZ_INPUT). An input that takes 30 seconds of processor time has
 * failed, or 100 seconds of any: a busy host may have given it none.
 */
#include "../splitmix.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Sanitizers end the process without a signal; they have this instead. Absent in other builds. */
__attribute__((weak)) void __sanitizer_set_death_callback(void (*callback)(void));

#define INPUT_SIZE_MAX    4096u
#define SECONDS_PER_INPUT 30   /* of processor time */
#define LONGEST_INPUT     100u /* seconds; less than a test may take */

struct sample {
    uint8_t *bytes;
    size_t size;
};

struct samples {
    struct sample *each;
    size_t count;
};

/* What runs now, for the message when it fails. A signal handler has no other way to know. */
static char current[160];

static void tell_what_failed(void)
{
    (void)!write(STDERR_FILENO, current, strlen(current));
}

static void fail(int number)
{
    tell_what_failed();
    signal(number, SIG_DFL);
    raise(number == SIGALRM || number == SIGPROF ? SIGKILL : number);
}

static size_t random_below(uint64_t *state, size_t limit)
{
    return limit == 0 ? 0 : (size_t)(splitmix_next(state) % limit);
}

static uint8_t random_byte(uint64_t *state)
{
    static const uint8_t telling[] = {
        0x00, 0x01, 0x02, 0x04, 0x08, 0x10, 0x40, 0x7f, 0x80, 0xfe, 0xff, 0x00, 0x00, '0'
    };
    uint64_t number = splitmix_next(state);
    return number & 0x100 ? (uint8_t)number : telling[number % sizeof telling];
}

static size_t make_random(uint64_t *state, uint8_t *bytes)
{
    size_t size = random_below(state, random_below(state, INPUT_SIZE_MAX) + 1);
    for (size_t i = 0; i < size; i++) {
        bytes[i] = random_byte(state);
    }
    return size;
}

/* One change: a byte, a bit, a piece cut out, a piece doubled, a cut end. */
static size_t change(uint64_t *state, uint8_t *bytes, size_t size, size_t capacity)
{
    size_t place = random_below(state, size);
    size_t length = random_below(state, size - place < 64 ? size - place : 64);
    switch (random_below(state, 6)) {
    case 0: bytes[place] = random_byte(state); return size;
    case 1: bytes[place] ^= (uint8_t)(1u << random_below(state, 8)); return size;
    case 2: memmove(bytes + place, bytes + place + length, size - place - length); return size - length;
    case 3:
        if (length > capacity - size) {
            return size;
        }
        memmove(bytes + place + length, bytes + place, size - place);
        return size + length;
    case 4: return random_below(state, 16) == 0 ? place : size;
    default: memmove(bytes + place, bytes + random_below(state, size - length), length); return size;
    }
}

static size_t make_changed(uint64_t *state, const struct sample *sample, uint8_t *bytes)
{
    size_t size = sample->size;
    memcpy(bytes, sample->bytes, size);
    for (size_t left = 1 + random_below(state, 8); left > 0 && size > 0; left--) {
        size = change(state, bytes, size, sample->size + INPUT_SIZE_MAX);
    }
    return size;
}

/* 0 takes a limit off. */
static void limit_time(int processor_seconds, unsigned seconds)
{
    const struct itimerval limit = { .it_value.tv_sec = processor_seconds };
    setitimer(ITIMER_PROF, &limit, NULL);
    alarm(seconds);
}

/* The input is a block of exactly its size, so that an overrun is seen. */
static void run(const uint8_t *bytes, size_t size)
{
    uint8_t *exact = malloc(size != 0 ? size : 1);
    if (exact == NULL) {
        abort();
    }
    memcpy(exact, bytes, size);
    limit_time(SECONDS_PER_INPUT, LONGEST_INPUT);
    LLVMFuzzerTestOneInput(exact, size);
    limit_time(0, 0);
    free(exact);
}

static void run_number(uint64_t seed, uint64_t number, const struct samples *samples)
{
    uint64_t state = seed ^ number * UINT64_C(0x2545f4914f6cdd1d);
    bool changed = samples->count != 0 && random_below(&state, 2) == 0;
    const struct sample *sample = changed ? &samples->each[random_below(&state, samples->count)] : NULL;
    uint8_t *bytes = malloc((sample != NULL ? sample->size : 0) + INPUT_SIZE_MAX);
    if (bytes == NULL) {
        abort();
    }
    size_t size = sample != NULL ? make_changed(&state, sample, bytes) : make_random(&state, bytes);
    snprintf(current, sizeof current,
             "\nfailed; to run this input alone: RAVELIN_SEED=%" PRIu64 " RAVELIN_FUZZ_INPUT=%" PRIu64
             ", same arguments\n",
             seed, number);
    run(bytes, size);
    free(bytes);
}

static bool read_file(const char *path, struct sample *sample)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        fprintf(stderr, "cannot read %s: %s\n", path, strerror(errno));
        return false;
    }
    sample->size = 0;
    sample->bytes = NULL;
    size_t got;
    do {
        sample->bytes = realloc(sample->bytes, sample->size + 65536);
        if (sample->bytes == NULL) {
            abort();
        }
        got = fread(sample->bytes + sample->size, 1, 65536, file);
        sample->size += got;
    } while (got != 0);
    fclose(file);
    return true;
}

/* Reads a file, runs it, and keeps it for changed copies. */
static bool take_file(struct samples *samples, const char *path)
{
    struct sample sample;
    if (!read_file(path, &sample)) {
        return false;
    }
    samples->each = realloc(samples->each, (samples->count + 1) * sizeof sample);
    if (samples->each == NULL) {
        abort();
    }
    samples->each[samples->count++] = sample;
    snprintf(current, sizeof current, "\nfailed: %.100s\n", path);
    run(sample.bytes, sample.size);
    return true;
}

static bool take_argument(struct samples *samples, const char *path)
{
    DIR *folder = opendir(path);
    if (folder == NULL) {
        return take_file(samples, path);
    }
    bool good = true;
    const struct dirent *entry;
    while (good && (entry = readdir(folder)) != NULL) {
        char file[4096];
        snprintf(file, sizeof file, "%s/%s", path, entry->d_name);
        good = entry->d_name[0] == '.' || take_file(samples, file);
    }
    closedir(folder);
    return good;
}

static uint64_t number_from(const char *name, uint64_t otherwise)
{
    const char *text = getenv(name);
    return text != NULL && *text != '\0' ? strtoull(text, NULL, 0) : otherwise;
}

static double seconds_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void prepare_for_failure(void)
{
    static const int signals[] = { SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGALRM, SIGPROF };
    if (__sanitizer_set_death_callback != NULL) {
        __sanitizer_set_death_callback(tell_what_failed);
    }
    for (size_t i = 0; i < sizeof signals / sizeof signals[0]; i++) {
        bool ours = signals[i] == SIGABRT || signals[i] == SIGALRM || signals[i] == SIGPROF ||
                    __sanitizer_set_death_callback == NULL;
        if (ours) {
            signal(signals[i], fail);
        }
    }
}

static uint64_t run_numbers(const struct samples *samples)
{
    uint64_t seed = number_from("RAVELIN_SEED", (uint64_t)time(NULL));
    uint64_t only = number_from("RAVELIN_FUZZ_INPUT", UINT64_MAX);
    double end = seconds_now() + (double)number_from("RAVELIN_FUZZ_SECONDS", 5);
    printf("seed %" PRIu64 "\n", seed);
    fflush(stdout);
    if (only != UINT64_MAX) {
        run_number(seed, only, samples);
        return 1;
    }
    uint64_t count = 0;
    while (seconds_now() < end) {
        run_number(seed, count++, samples);
    }
    return count;
}

int main(int argc, char **argv)
{
    prepare_for_failure();
    struct samples samples = { 0 };
    bool good = true;
    for (int i = 1; good && i < argc; i++) {
        good = take_argument(&samples, argv[i]);
    }
    if (good) {
        uint64_t count = run_numbers(&samples);
        printf("%zu files and %" PRIu64 " inputs: no finding\n", samples.count, count);
    }
    for (size_t i = 0; i < samples.count; i++) {
        free(samples.each[i].bytes);
    }
    free(samples.each);
    return good ? 0 : 1;
}
