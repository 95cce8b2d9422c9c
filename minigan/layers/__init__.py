"""The layers: one idea per file, with the forward and the backward pass next to each other."""

from minigan.layers.activations import LeakyReLU, ReLU, Sigmoid, Tanh
from minigan.layers.base import Layer, Param
from minigan.layers.batch_norm import BatchNorm
from minigan.layers.conditional import Conditional
from minigan.layers.conv2d import Conv2D
from minigan.layers.conv_transpose2d import ConvTranspose2D
from minigan.layers.dense import Dense
from minigan.layers.dropout import Dropout
from minigan.layers.embedding import Embedding
from minigan.layers.sequential import Sequential
from minigan.layers.shaping import Flatten, Reshape

__all__ = [
    "BatchNorm",
    "Conditional",
    "Conv2D",
    "ConvTranspose2D",
    "Dense",
    "Dropout",
    "Embedding",
    "Flatten",
    "Layer",
    "LeakyReLU",
    "Param",
    "ReLU",
    "Reshape",
    "Sequential",
    "Sigmoid",
    "Tanh",
]
