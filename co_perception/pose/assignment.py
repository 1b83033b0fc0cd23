"""Who is who: the one-to-one assignment with the greatest total."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def assign(worth: NDArray[np.float64], least: float) -> list[tuple[int, int]]:
    """Pairs (row, column) with the greatest sum of `worth` (N, M), each row and column at most once, in row order.

    Pairs worth less than `least` are not made, and count as worth nothing. Shortest augmenting paths (Kuhn 1955,
    Munkres 1957, in the form of Jonker and Volgenant 1987), O(N² M). SciPy has one, and is a large thing to ask of a
    robot for this.
    """
    rows, columns = worth.shape
    if not rows or not columns:
        return []
    gain = np.where(worth >= least, worth, 0.0)
    if rows > columns:
        pairs = sorted((row, column) for column, row in enumerate(_columns_of(-gain.T)))
    else:
        pairs = list(enumerate(_columns_of(-gain)))
    return [(row, column) for row, column in pairs if worth[row, column] >= least]


def _columns_of(cost: NDArray[np.float64]) -> list[int]:
    """The column of each row at the least total cost; at least as many columns as rows."""
    rows, columns = cost.shape
    row_price, column_price = np.zeros(rows), np.zeros(columns)
    row_of = np.full(columns, -1)
    for row in range(rows):
        column, came_from = _cheapest_path(row, cost, row_price, column_price, row_of)
        while column >= 0:  # hand columns on along the path
            before = came_from[column]
            row_of[column] = row if before < 0 else row_of[before]
            column = before
    return [int(np.flatnonzero(row_of == row)[0]) for row in range(rows)]


def _cheapest_path(
    row: int,
    cost: NDArray[np.float64],
    row_price: NDArray[np.float64],
    column_price: NDArray[np.float64],
    row_of: NDArray[np.intp],
) -> tuple[int, NDArray[np.intp]]:
    """A free column at the end of the cheapest path from `row`, and for each column the one before it on its path (-1:
    the path begins there). Prices are brought up to date, so that no reduced cost becomes negative."""
    distance = np.full(len(column_price), np.inf)
    came_from = np.full(len(column_price), -1)
    done = np.zeros(len(column_price), bool)
    here, column, walked = row, -1, 0.0
    while True:
        through = walked + cost[here] - row_price[here] - column_price
        shorter = ~done & (through < distance)
        distance[shorter], came_from[shorter] = through[shorter], column
        column = int(np.argmin(np.where(done, np.inf, distance)))
        walked = float(distance[column])
        if row_of[column] < 0:
            break
        done[column], here = True, int(row_of[column])
    row_price[row] += walked
    row_price[row_of[done]] += walked - distance[done]
    column_price[done] -= walked - distance[done]
    return column, came_from
