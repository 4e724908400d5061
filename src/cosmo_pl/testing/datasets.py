"""Conformance tests of a dataset."""

from __future__ import annotations

from collections.abc import Callable

from cosmo_pl.testing import batches, splits
from cosmo_pl.testing.helpers import MakeData

DATASET_CHECKS: tuple[Callable[[MakeData], None], ...] = (
    batches.check_shapes_and_classes_are_known_before_the_setup,
    batches.check_every_sample_is_finite,
    batches.check_batches_have_the_documented_keys_types_and_sizes,
    batches.check_a_row_keeps_its_sample_label_and_subject_together,
    batches.check_one_modality_alone_has_the_same_split,
    batches.check_the_same_seed_gives_the_same_batches,
    batches.check_evaluation_does_not_change_the_shuffling,
    batches.check_batches_are_those_of_a_plain_loader,
    batches.check_labels_depend_on_their_seed_alone,
    batches.check_setup_is_done_once,
    batches.check_the_root_may_be_the_folder_of_the_dataset,
    splits.check_subjects_are_disjoint,
    splits.check_all_other_subjects_are_trained_on,
    splits.check_each_test_sample_comes_exactly_once_and_in_order,
    splits.check_finetuning_trains_on_the_labelled_part,
    splits.check_pretraining_trains_on_whole_batches_of_the_unlabelled_part,
    splits.check_a_training_batch_never_holds_a_single_sample,
    splits.check_include_labeled_adds_the_labelled_part_to_pretraining,
    splits.check_val_parts_name_the_validation_loaders_in_order,
    splits.check_all_samples_may_be_labelled,
    splits.check_pretraining_without_samples_is_refused,
    splits.check_folds_are_disjoint_and_together_all_subjects,
    splits.check_a_fold_is_the_same_split_as_its_subjects,
    splits.check_a_test_subject_of_a_fold_leaves_out_the_others,
    splits.check_folds_that_cannot_be_are_refused,
    splits.check_limits_keep_every_subject,
    splits.check_training_samples_have_mean_zero_and_deviation_one,
    splits.check_sensors_describe_every_channel,
    splits.check_each_subject_may_be_standardised_by_itself,
    splits.check_quality_is_measured_on_unlabelled_samples_that_do_not_overlap,
    splits.check_quality_uses_labelled_samples_only_where_few_are_unlabelled,
    splits.check_quality_inputs_keep_to_their_limit,
)
"""All checks, each a function of `make`; a test may be parametrised with them."""


def check_dataset(make: MakeData) -> None:
    """Runs all checks of `DATASET_CHECKS` on a datamodule.

    Args:
        make: Makes the datamodule: the class itself, or `functools.partial` of it with a root. It is called with
            further arguments of `MultimodalDataModule`. There have to be at least four subjects, three of them for
            training, every class in each of them, 20 test samples, 50 unlabelled samples, and all in memory.

    Raises:
        AssertionError: A check fails. Its name says what the datamodule does not keep.
        CosmoError: The recordings cannot be used.
    """
    for check in DATASET_CHECKS:
        check(make)
