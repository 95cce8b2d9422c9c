"""The operations on a GPU: CUDA kernels, how they are launched, and a training step as one CUDA graph."""
