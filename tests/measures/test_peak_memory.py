from descent.measures.peak_memory import peak_bytes
from descent.quiet import tf


def graph_of(function, *shapes):
    specs = [tf.TensorSpec(shape, tf.float32) for shape in shapes]
    return tf.function(function, autograph=False).get_concrete_function(*specs).graph


def test_peak_of_a_chain_is_two_tensors():
    """x -> a -> b -> c -> d: while one is made its input is held, and nothing else."""
    graph = graph_of(lambda x: tf.exp(tf.exp(tf.exp(tf.exp(x)))), [1000])
    assert peak_bytes(graph) == 2 * 4000


def test_a_tensor_needed_later_is_held():
    def function(x):
        first = tf.exp(x)
        return tf.exp(tf.exp(tf.exp(first))) + first

    assert peak_bytes(graph_of(function, [1000])) == 3 * 4000


def test_names_for_the_same_memory_and_unused_work_count_nothing():
    def function(x):
        tf.exp(tf.zeros([10**6]) + x[0])
        return tf.identity(tf.reshape(tf.identity(tf.exp(x)), [10, 100]))

    assert peak_bytes(graph_of(function, [1000])) == 4000


def test_matrix_product_and_outputs():
    def function(x):
        y = tf.matmul(x, x, transpose_a=True)  # [30, 30] from [20, 30]
        return y, tf.reduce_sum(y)

    assert 4 * 901 <= peak_bytes(graph_of(function, [20, 30])) <= 4 * 910


def test_what_has_another_name_is_held_until_it_is_read_for_the_last_time():
    def function(x):
        renamed = tf.reshape(tf.exp(x), [10, 100])
        return tf.reduce_sum(tf.exp(tf.exp(tf.exp(x)))) + renamed

    assert 3 * 4000 <= peak_bytes(graph_of(function, [1000])) <= 3 * 4000 + 8
