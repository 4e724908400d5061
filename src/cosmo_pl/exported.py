"""Exported recognisers: a folder with ONNX graphs and ``model.json``, read and run without PyTorch."""
