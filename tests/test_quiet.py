"""TensorFlow starts without a word, and an error inside the quiet block is still heard."""

import os
import subprocess
import sys
import threading

import pytest

from descent.quiet import silent_stderr


def test_importing_and_using_tensorflow_writes_nothing_to_stderr():
    environment = {k: v for k, v in os.environ.items() if not k.startswith("TF_")}
    code = "from descent.quiet import tf; print(float(tf.function(lambda x: x @ x)(tf.ones((2, 2)))[0, 0]))"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True, timeout=120
    )
    assert done.stdout.strip() == "2.0" and done.stderr == ""


@pytest.mark.parametrize(("module", "heard"), [("descent.somewhere", False), ("somebody.elses", True)])
def test_retracing_is_reported_of_a_users_code_and_not_of_the_librarys(caplog, module, heard):
    from descent.quiet import tf

    # One line of source, many functions: to TensorFlow one function that retraces. It warns twice of equal code.
    code = f"def call(n):\n    return tf.function(lambda x: x + {len(module)}, autograph=False)(tf.ones(n))"
    space = {"tf": tf, "__name__": module}
    exec(code, space)
    for size in range(12):
        space["call"](size)
    assert heard == any("retracing" in record.getMessage() for record in caplog.records)


def test_blocks_of_two_threads_overlap_and_the_last_one_gives_the_descriptor_back(capfd):
    entered, leave = threading.Event(), threading.Event()

    def other():
        with silent_stderr():
            entered.set()
            leave.wait(10)
            os.write(2, b"hidden too")

    thread = threading.Thread(target=other)
    with silent_stderr():
        thread.start()
        assert entered.wait(10)
    os.write(2, b"hidden")  # the other thread's block is still open
    leave.set()
    thread.join()
    os.write(2, b"heard")
    assert capfd.readouterr().err == "heard"


def test_the_descriptor_is_given_back_after_an_error(capfd):
    with pytest.raises(RuntimeError), silent_stderr():
        os.write(2, b"hidden")
        raise RuntimeError
    os.write(2, b"heard")
    assert capfd.readouterr().err == "heard"
