"""The configuration of RViz against the topics of docs/ros.md."""

from __future__ import annotations

from pathlib import Path

import yaml

ROOT = Path(__file__).parents[1]
TYPES = {
    "MarkerArray": "visualization_msgs/MarkerArray",
    "Image": "sensor_msgs/Image",
    "Odometry": "nav_msgs/Odometry",
    "SetInitialPose": "geometry_msgs/PoseWithCovarianceStamped",
}


def test_rviz_looks_at_topics_that_the_nodes_have_in_their_quality():
    page = (ROOT / "docs" / "ros.md").read_text().split("<!-- topics -->")[1].split("<!-- end -->")[0]
    rows = (line.strip("| ").split(" | ") for line in page.strip().splitlines()[2:])
    topics = {row[0].strip("`"): row for row in rows}
    rviz = yaml.safe_load((ROOT / "rviz" / "deepracer.rviz").read_text())["Visualization Manager"]
    shown = {}
    for item in (*rviz["Displays"], *rviz["Tools"]):
        kind = item["Class"].removeprefix("rviz_default_plugins/")
        if "Topic" not in item:
            assert kind not in TYPES
            continue
        topic = item["Topic"]
        shown[topic["Value"]] = item
        row = topics[topic["Value"]]
        assert row[1] == TYPES[kind]
        if kind != "SetInitialPose":
            assert topic["Reliability Policy"] == "Best Effort" or row[4].startswith("reliable")
            assert (topic["Durability Policy"] == "Transient Local") == ("transient local" in row[4])
    assert set(shown) == {"/track", "/driven_line", "/car", "/camera/image_raw", "/odom", "/initialpose"}
    assert rviz["Global Options"]["Fixed Frame"] == "map"
