"""scikit-learn's own tests of its searches (`model_selection/tests/test_search.py` of the installed
version), over ours."""

from __future__ import annotations

import importlib
import sys
from unittest import mock

import pytest
import sklearn

from fanout_ml import model_selection as ours

_NAME = "sklearn.model_selection.tests.test_search"


def _load():
    """The module, as if scikit-learn's searches were ours."""
    sys.modules.pop(_NAME, None)
    with (
        mock.patch("sklearn.model_selection.GridSearchCV", ours.GridSearchCV),
        mock.patch("sklearn.model_selection.RandomizedSearchCV", ours.RandomizedSearchCV),
    ):
        module = importlib.import_module(_NAME)
    sys.modules.pop(_NAME)
    return module


_module = _load()

_OWN = "it searches over an estimator of the test's own, which fanout refuses by name"
_FITTED = "it reads what a fitted estimator of scikit-learn has, where a model file has predictions"
_PARAMS = "it passes parameters to `fit` other than sample_weight and groups, which are refused"
_SPARSE = "X is sparse, which is refused"
_ONE = "y has several outputs of trees that learn them together, which is refused"
_ROUTING = "it is of scikit-learn's routing of metadata to scorers and estimators of the test's own"

#: Tests that are not run, and why.
NOT_RUN = {
    "test_SearchCV_with_fit_params": _PARAMS,
    "test_X_as_list": _OWN,
    "test_callable_multimetric_clf_all_fits_fail": _OWN,
    "test_callable_multimetric_error_failing_clf": _OWN,
    "test_custom_run_search": "it overrides the private `_run_search`",
    "test_cv_results_dtype_issue_29074": _OWN,
    "test_cv_results_multi_size_array": "`SplineTransformer` is refused",
    "test_grid_search": _OWN,
    "test_grid_search_allows_nans": _OWN,
    "test_grid_search_classifier_all_fits_fail": _OWN,
    "test_grid_search_failing_classifier": _OWN,
    "test_grid_search_failing_classifier_raise": _OWN,
    "test_grid_search_no_score": _OWN,
    "test_grid_search_one_grid_point": _FITTED,
    "test_grid_search_precomputed_kernel": "a precomputed kernel is refused",
    "test_grid_search_score_method": _OWN,
    "test_grid_search_sparse": _SPARSE,
    "test_grid_search_sparse_scoring": _SPARSE,
    "test_grid_search_when_param_grid_includes_range": _OWN,
    "test_grid_search_with_multioutput_data": _ONE,
    "test_inverse_transform_Xt_deprecation": _OWN,
    "test_gridsearch_nd": _OWN,
    "test_gridsearch_no_predict": _OWN,
    "test_multi_metric_search_forwards_metadata": _ROUTING,
    "test_no_refit": _OWN,
    "test_pandas_input": _OWN,
    "test_pickle": _OWN,
    "test_refit": _OWN,
    "test_scalar_fit_param": _PARAMS,
    "test_scalar_fit_param_compat": _PARAMS,
    "test_search_callbacks_no_propagation": _OWN,
    "test_search_callbacks_propagation": _OWN,
    "test_search_callbacks_receive_sample_weight": _OWN,
    "test_search_callbacks_receive_search_instance": _OWN,
    "test_search_callbacks_with_partial_fit_failures": _OWN,
    "test_search_cv_pairwise_property_equivalence_of_precomputed": (
        "precomputed distances are refused"
    ),
    "test_search_cv_sample_weight_equivalence": (
        "to 1e-7, of solvers that stop at their tolerance, in another order of the rows"
    ),
    "test_search_cv_score_samples_method": "`LocalOutlierFactor` is refused",
    "test_search_cv_timing": "it measures the time of scorers in this process",
    "test_search_cv_using_minimal_compatible_estimator": _OWN,
    "test_search_cv_verbose_3": "a fit is not told by a line of text but by the progress bar",
    "test_search_estimator_param": _OWN,
    "test_search_html_repr": "it names the class in the diagram, which is `Model` here",
    "test_search_with_2d_array": "X is a list of texts",
    "test_searchcv_raise_warning_with_non_finite_score": (
        "training scores by a scorer of the test's own are refused"
    ),
    "test_stochastic_gradient_loss_param": "`SGDClassifier` is refused",
    "test_transform_inverse_transform_round_trip": _OWN,
    "test_trivial_cv_results_attr": _OWN,
    "test_unsupervised_grid_search": "`KMeans` is refused",
    "test_y_as_list": _OWN,
}

if tuple(map(int, sklearn.__version__.split(".")[:2])) < (1, 9):
    NOT_RUN["test_random_search_bad_cv"] = "the error has the words of scikit-learn 1.9"

for _name, _test in vars(_module).items():
    if _name.startswith("test_"):
        if _name in NOT_RUN:
            _test = pytest.mark.skip(reason=NOT_RUN[_name])(_test)
        globals()[_name] = _test
