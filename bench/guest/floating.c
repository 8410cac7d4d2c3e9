/* SPDX-License-Identifier: Apache-2.0 */
#include "workload.h"

#include <math.h>
#include <string.h>

enum { N = 64 };

uint64_t single_float_unit(void)
{
    static float a[N][N], b[N][N], c[N][N];
    for (int i = 0; i < N; i++) {
        for (int j = 0; j < N; j++) {
            a[i][j] = (float)(i - j) * 0.5f;
            b[i][j] = (float)(i + j) * 0.25f;
        }
    }
    for (int i = 0; i < N; i++) {
        for (int j = 0; j < N; j++) {
            float sum = 0;
            for (int k = 0; k < N; k++) {
                sum += a[i][k] * b[k][j];
            }
            c[i][j] = sum;
        }
    }
    uint32_t bits;
    memcpy(&bits, &c[17][23], sizeof bits);
    return bits;
}

uint64_t double_float_unit(void)
{
    static double a[N][N], b[N][N], c[N][N];
    for (int i = 0; i < N; i++) {
        for (int j = 0; j < N; j++) {
            a[i][j] = (i - j) * 0.1;
            b[i][j] = (i + j) * 0.3;
        }
    }
    for (int i = 0; i < N; i++) {
        for (int j = 0; j < N; j++) {
            double sum = 0;
            for (int k = 0; k < N; k++) {
                sum += a[i][k] * b[k][j];
            }
            c[i][j] = sum;
        }
    }
    uint64_t bits;
    memcpy(&bits, &c[17][23], sizeof bits);
    return bits;
}

uint64_t libm_unit(void)
{
    double sum = 0;
    for (int i = 1; i <= 2000; i++) {
        double x = i * 0.01;
        sum += sin(x) * log(x + 1.0) + exp(-x) + pow(x, 0.3);
    }
    uint64_t bits;
    memcpy(&bits, &sum, sizeof bits);
    return bits;
}
