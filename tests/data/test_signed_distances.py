"""Signed distances to shapes, against points sampled on their edges, areas and winding numbers."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minigan.data.shapes import DISTANCES
from minigan.data.signed_distances import circle, heart, polygon, star_corners

coordinate = st.floats(-2, 2)
POLYGONS = {name: d.keywords["corners"] for name, d in DISTANCES.items() if hasattr(d, "keywords")}


def at(distance, x, y):
    return float(distance(np.array([x]), np.array([y]))[0])


@pytest.mark.parametrize("name", DISTANCES)
@settings(deadline=None)
@given(x1=coordinate, y1=coordinate, x2=coordinate, y2=coordinate)
def test_a_distance_never_changes_by_more_than_the_point_moves(name, x1, y1, x2, y2):
    d1, d2 = at(DISTANCES[name], x1, y1), at(DISTANCES[name], x2, y2)
    assert abs(d1 - d2) <= math.hypot(x1 - x2, y1 - y2) + 1e-9


@pytest.mark.parametrize("name", POLYGONS)
@settings(deadline=None)
@given(x=coordinate, y=coordinate)
def test_the_distance_to_a_polygon_agrees_with_points_sampled_on_its_sides(name, x, y):
    corners = np.array(POLYGONS[name])
    t = np.linspace(0, 1, 2001)[:, None, None]
    sides = corners + t * (np.roll(corners, -1, axis=0) - corners)  # (2001, corners, 2)
    nearest = np.hypot(sides[..., 0] - x, sides[..., 1] - y).min()
    assert abs(at(DISTANCES[name], x, y)) == pytest.approx(nearest, abs=2e-3)


@pytest.mark.parametrize("name", POLYGONS)
@settings(deadline=None)
@given(x=coordinate, y=coordinate)
def test_the_distance_is_negative_where_the_polygon_winds_around_the_point(name, x, y):
    d = at(DISTANCES[name], x, y)
    if abs(d) < 1e-6:
        return
    angles = np.array([math.atan2(cy - y, cx - x) for cx, cy in POLYGONS[name]])
    turns = (np.diff(angles, append=angles[0]) + math.pi) % (2 * math.pi) - math.pi
    assert (d < 0) == (abs(turns.sum()) > math.pi)


def test_a_ray_through_a_corner_of_a_polygon_crosses_one_side():
    square = [(-1.0, 0.0), (0.0, -1.0), (1.0, 0.0), (0.0, 1.0)]
    x = np.array([-2.0, -0.5, 0.0, 0.5, 2.0])
    d = polygon(x, np.zeros(5), square)
    np.testing.assert_allclose(d, [1, -math.sqrt(1 / 8), -math.sqrt(1 / 2), -math.sqrt(1 / 8), 1], atol=1e-12)


def heart_edge(points):
    """Points on the edge of the heart: the sides from the tip upwards, then the half discs."""
    t = np.linspace(0, 1, points)
    angle = np.linspace(-math.pi / 4, 3 * math.pi / 4, points)
    x = np.concatenate([t / 2, 0.25 + math.sqrt(1 / 8) * np.cos(angle)])
    up = np.concatenate([t / 2, 0.75 + math.sqrt(1 / 8) * np.sin(angle)])
    return np.concatenate([x, -x]) / 0.6, np.concatenate([0.55 - up, 0.55 - up]) / 0.6


@settings(deadline=None)
@given(x=coordinate, y=coordinate)
def test_the_distance_to_the_heart_agrees_with_points_sampled_on_its_edge(x, y):
    edge_x, edge_y = heart_edge(2000)
    assert abs(at(heart, x, y)) == pytest.approx(np.hypot(edge_x - x, edge_y - y).min(), abs=2e-3)


def test_the_area_inside_the_heart_is_that_of_its_parts():
    side = np.linspace(-1.5, 1.5, 1501)
    area = (heart(*np.meshgrid(side, side)) < 0).mean() * 9
    assert area == pytest.approx((1 / 2 + math.pi / 8) / 0.36, rel=5e-3)  # the square and two half discs


@settings(deadline=None)
@given(st.floats(6, 12), st.floats(14, 18), st.floats(14, 18))
def test_the_coverage_of_all_pixels_adds_up_to_the_area(radius, cx, cy):
    pixels = np.arange(32) + 0.5
    d = circle(pixels[None, :] - cx, pixels[:, None] - cy, radius)
    covered = np.clip(0.5 - d, 0, 1)[np.hypot(pixels[None, :] - cx, pixels[:, None] - cy) < 14].sum()
    assert covered == pytest.approx(math.pi * radius**2, rel=0.01)


def test_the_corners_of_a_star_begin_at_the_top():
    corners = star_corners(5, outer=2.0, inner=1.0)
    assert corners[0] == (0.0, -2.0)
    assert [round(math.hypot(*corner), 12) for corner in corners] == [2.0, 1.0] * 5
