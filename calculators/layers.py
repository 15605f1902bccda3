"""How many parameters has a single layer? The small formulas that a student checks by hand."""


def dense_parameters(inputs: int, outputs: int, *, bias: bool = True) -> int:
    """Parameters of a dense layer, a count: inputs x outputs, and a bias for each output.

    >>> dense_parameters(4096, 14336, bias=False)
    58720256
    """
    return inputs * outputs + (outputs if bias else 0)


def convolution_parameters(kernel: int, inputs: int, outputs: int, *, bias: bool = True) -> int:
    """Parameters of a square convolution, a count: kernel^2 x input channels x output channels, and the biases.

    >>> convolution_parameters(3, 64, 128)
    73856
    """
    return kernel * kernel * inputs * outputs + (outputs if bias else 0)


def attention_parameters(hidden: int, heads: int, kv_heads: int, head_dim: int) -> int:
    """Parameters of an attention block, a count: queries and output (heads), keys and values (KV heads), no biases.

    >>> attention_parameters(4096, 32, 8, 128)
    41943040
    """
    return 2 * hidden * heads * head_dim + 2 * hidden * kv_heads * head_dim
