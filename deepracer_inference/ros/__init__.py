"""What the nodes of the car share: the only folder here that imports ROS, beside the nodes themselves."""
