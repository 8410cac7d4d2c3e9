# SPDX-License-Identifier: Apache-2.0
"""Planets under gravity: floating point in objects and lists. Prints the energy before and after."""
import math
import sys


class Body:
    def __init__(self, place, speed, mass):
        self.place, self.speed, self.mass = place, speed, mass


def energy(bodies):
    total = 0.0
    for i, body in enumerate(bodies):
        total += 0.5 * body.mass * sum(v * v for v in body.speed)
        for other in bodies[i + 1:]:
            total -= body.mass * other.mass / math.dist(body.place, other.place)
    return total


def step(bodies, time):
    for i, body in enumerate(bodies):
        for other in bodies[i + 1:]:
            x, y, z = (a - b for a, b in zip(body.place, other.place))
            square = x * x + y * y + z * z
            pull = time / (square * math.sqrt(square))
            for axis, distance in enumerate((x, y, z)):
                body.speed[axis] -= distance * other.mass * pull
                other.speed[axis] += distance * body.mass * pull
    for body in bodies:
        for axis in range(3):
            body.place[axis] += time * body.speed[axis]


def main():
    sun = Body([0.0, 0.0, 0.0], [0.0, 0.0, 0.0], 40.0)
    bodies = [sun] + [Body([float(3 * i), 0.5 * i, -0.25 * i], [0.0, math.sqrt(40.0 / (3 * i)), 0.1 * i], 0.001 * i) for i in range(1, 5)]
    print(f"{energy(bodies):.12f}")
    for _ in range(int(sys.argv[1])):
        step(bodies, 0.001)
    print(f"{energy(bodies):.12f}")


main()
