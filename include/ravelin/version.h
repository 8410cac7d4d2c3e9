/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which libravelin this is.
 *
 * Versions are MAJOR.MINOR.PATCH. A program built against one version runs with every later one of the same MAJOR;
 * while MAJOR is 0, of the same MINOR.
 */
#ifndef RAVELIN_VERSION_H
#define RAVELIN_VERSION_H

#ifdef __cplusplus
extern "C" {
#endif

/* What the functions below are exported with: everything else in the shared library is hidden. */
#define RAVELIN_API __attribute__((visibility("default")))

/* The version of the library that runs, for example "0.1.0". A static string. Any thread. */
RAVELIN_API const char *ravelin_version(void);

#ifdef __cplusplus
}
#endif

#endif
