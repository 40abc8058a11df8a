"""The ROS 2 shell: nodes around simulator and training. Nothing else in this package imports ROS."""
