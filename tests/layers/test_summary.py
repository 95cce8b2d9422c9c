"""How networks are described: repr, summary, and their names in messages."""

import pytest

import minigan as mg
from minigan.layers import Conv2D, Dense, Embedding, LeakyReLU, Sequential
from minigan.layers.summary import summary

PAIRS = {
    "dcgan": mg.models.dcgan(width=4),
    "dense_gan": mg.models.dense_gan(width=8),
    "convolutional_gan": mg.models.convolutional_gan(width=4),
    "cgan": mg.models.cgan(width=4),
    "classifier": (mg.models.classifier(width=4),),
}
each_network = pytest.mark.parametrize("network", [net for pair in PAIRS.values() for net in pair], ids=lambda n: "")


@each_network
def test_every_model_has_a_summary_whose_parameters_add_up(network, capsys):
    before = network.state_dict()
    network.summary()
    lines = capsys.readouterr().out.splitlines()
    total = sum(param.value.size for param in network.parameters())
    numbers = [int(line[-12:].replace(",", "")) for line in lines[1:] if line[-12:].strip().replace(",", "").isdigit()]
    assert numbers[-1] == total == sum(numbers[:-1])
    assert all((before[name] == array).all() for name, array in network.state_dict().items())
    assert max(map(len, lines)) <= 80


def test_summary_shows_the_output_shapes_in_order():
    text = summary(mg.models.dcgan()[0])
    positions = [text.index(shape) for shape in ("(N, 128)", "(N, 2, 2, 512)", "(N, 8, 8, 128)", "(N, 32, 32, 3)")]
    assert positions == sorted(positions)
    assert "ConvTranspose2D 4×4, stride 2" in text
    assert "BatchNorm, LeakyReLU" in text


def test_summary_of_a_conditional_network_shows_both_paths():
    """Its two inputs, then what happens to each, indented, then the concatenation."""
    assert summary(mg.models.cgan(image_size=8, channels=2, classes=3, width=4)[1]).splitlines() == [
        "layer                 output              parameters",
        "input                 (N, 8, 8, 2)",
        "x:                    (N, 8, 8, 2)",
        "label:                (N,)",
        "  Embedding           (N, 50)                    150",
        "  Dense               (N, 64)                  3,264",
        "  Reshape             (N, 8, 8, 1)",
        "concatenate           (N, 8, 8, 3)",
        "Conv2D 4×4, stride 2  (N, 4, 4, 4)               196",
        "LeakyReLU             (N, 4, 4, 4)",
        "Flatten               (N, 64)",
        "Dense                 (N, 1)                      65",
        "                      total                    3,675",
    ]


def test_summary_of_a_conditional_network_inside_a_sequential():
    generator, _ = mg.models.cgan(image_size=8, channels=2, classes=3, latent_dim=5, width=4)
    inside = summary(Sequential(generator, LeakyReLU())).splitlines()
    assert inside[1].split() == ["input", "(N,", "5)"]
    assert inside[:-2] == summary(generator).splitlines()[:-1]


def test_summary_needs_an_input_shape_if_the_network_does_not_know_it():
    network = Sequential(Conv2D(3, 8, 3), LeakyReLU())
    with pytest.raises(ValueError, match=r"summary\(\(32, 32, 3\)\)"):
        network.summary()
    assert "(N, 30, 30, 8)" in summary(network, (32, 32, 3))
    with pytest.raises(ValueError, match="expected x of shape"):
        network.summary((32, 32, 4))
    with pytest.raises(ValueError, match="expected the shape"):
        Sequential().summary()


def test_repr_is_a_tree_and_messages_stay_short():
    network = Sequential(Dense(3, 4), Sequential(LeakyReLU(0.1)))
    assert repr(network) == (
        "Sequential(\n  0: Dense(in_features=3, out_features=4)\n  1: Sequential(\n    0: LeakyReLU(slope=0.1)\n  )\n)"
    )
    assert repr(Sequential()) == "Sequential()"
    assert Dense(3, 4).short_name() == "Dense(in_features=3)"
    assert network.short_name() == "Sequential of 2 layers"
    assert repr(Embedding(10, 5)) == "Embedding(num_embeddings=10, embedding_dim=5)"
    assert "label: Sequential(\n    0: Embedding" in repr(mg.models.cgan(width=2)[0])
