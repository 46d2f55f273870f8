"""Edge: a bundle as a folder that scores without this project, by ONNX Runtime and NumPy alone."""
