"""What goes on the car: load an exported model and turn camera images into steering and speed.

Needs numpy, OpenCV and onnxruntime, and Python 3.8 or newer.
"""
