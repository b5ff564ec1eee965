from __future__ import annotations

import pickle
import subprocess
import sys

import numpy as np
import pytest
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.utils.estimator_checks import check_estimator

import convscope as cs
from convscope.errors import InvalidValue, UnknownName
from convscope.training import Adam
from cores import CORES, forced_core


@pytest.fixture(scope="module")
def digits() -> tuple[np.ndarray, np.ndarray]:
    data = cs.data.digits().take(np.arange(450))
    return data.x.reshape(len(data), 64).astype(np.float64), data.y


def quick(**settings) -> cs.ConvNetClassifier:
    return cs.ConvNetClassifier(**{"image_shape": (1, 8, 8), "epochs": 4, "random_state": 0, **settings})


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.SkipTestWarning")
@pytest.mark.parametrize("core", CORES)
def test_passes_the_checks_of_scikit_learn(core):
    # pandas and SciPy's array API are not there; everything else is asked
    with forced_core(core):
        results = check_estimator(cs.ConvNetClassifier(epochs=10, random_state=0))
    assert {result["status"] for result in results} == {"passed", "skipped"}
    assert sum(result["status"] == "skipped" for result in results) <= 2


def test_learns_digits_with_and_without_an_image_shape(digits):
    x, y = digits
    for shape in ((1, 8, 8), None):
        model = quick(image_shape=shape, epochs=6).fit(x[:300], y[:300])
        assert model.score(x[300:], y[300:]) > 0.75  # chance is 0.1
    assert model.network_.input_shape == (1, 1, 64)


def test_images_are_taken_as_images(digits):
    x, y = digits
    models = [
        quick(image_shape=None).fit(x.reshape(-1, 8, 8), y),
        quick(image_shape=None).fit(x.reshape(-1, 1, 8, 8), y),
        quick().fit(x, y),
    ]
    rows = [
        model.predict_proba(x.reshape(-1, *shape))
        for model, shape in zip(models, [(8, 8), (1, 8, 8), (64,)], strict=True)
    ]
    assert np.array_equal(rows[0], rows[1])
    assert np.array_equal(rows[0], rows[2])


@pytest.mark.parametrize("core", CORES)
def test_an_image_is_judged_alone(digits, core):
    """Whatever else is asked about, and in whatever order, far below what float32 can tell apart."""
    x, y = digits
    with forced_core(core):
        model = quick(epochs=1).fit(x, y)
        together = model.predict_proba(x[:60])
        order = np.random.default_rng(0).permutation(60)
        np.testing.assert_allclose(
            model.predict_proba(x[:60][order]), together[order], rtol=1e-12, atol=1e-14
        )
        np.testing.assert_allclose(model.predict_proba(x[7:8]), together[7:8], rtol=1e-12, atol=1e-14)


def test_classes_may_be_words(digits):
    x, y = digits
    words = np.array(["even", "odd"])[y % 2]
    model = quick().fit(x, words)
    assert set(model.predict(x[:20])) <= {"even", "odd"}
    assert model.network_.classes == ("even", "odd")


def test_cross_validation_and_grid_search_in_processes(digits):
    x, y = digits
    model = quick(net="small_cnn", learning_rate=1e-2)
    assert cross_val_score(model, x, y, cv=3, n_jobs=2).min() > 0.75
    search = GridSearchCV(model, {"learning_rate": [1e-6, 1e-2]}, cv=2, n_jobs=2).fit(x, y)
    assert search.best_params_ == {"learning_rate": 1e-2}
    assert np.array_equal(search.predict(x), model.fit(x, y).predict(x))


def test_a_pickle_predicts_the_same(digits):
    x, y = digits
    model = quick(epochs=1).fit(x, y)
    assert np.array_equal(pickle.loads(pickle.dumps(model)).predict_proba(x), model.predict_proba(x))


def test_networks_by_name_file_and_function(digits, tmp_path):
    x, y = digits
    file = tmp_path / "net.toml"
    file.write_text('layers = ["flatten", { layer = "linear", features = "classes" }]')
    for net in ("small_cnn", file, lambda **shape: cs.models.small_cnn(**shape)):
        assert quick(net=net, learning_rate=0.03, epochs=3).fit(x, y).score(x, y) > 0.5


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"image_shape": (1, 7, 9)}, InvalidValue, "image_shape"),
        ({"optimizer": "adm"}, UnknownName, "nearest: adam"),
        ({"optimizer": Adam(), "learning_rate": 1}, InvalidValue, "learning_rate"),
        ({"net": "small_cn"}, UnknownName, "small_cnn"),
        ({"epochs": 0}, InvalidValue, "epochs"),
    ],
)
def test_bad_settings_are_said(digits, settings, error, message):
    with pytest.raises(error, match=message):
        quick(**settings).fit(*digits)


def test_other_images_than_in_fit_are_refused(digits):
    x, y = digits
    model = quick(image_shape=None, epochs=1).fit(x.reshape(-1, 8, 8), y)
    with pytest.raises(ValueError, match=r"8|features"):
        model.predict(x.reshape(-1, 4, 16))


def test_scikit_learn_is_imported_when_it_is_needed():
    code = "import sys, convscope; convscope.fit; assert 'sklearn' not in sys.modules"
    subprocess.run([sys.executable, "-c", f"{code}; convscope.ConvNetClassifier"], check=True)
