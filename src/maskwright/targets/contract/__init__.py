"""What every target has to keep, as named checks that run in a second, for any target.

`check_target(line)` runs them all. With pytest, each is a test of its own:

    @pytest.mark.parametrize("check", list(target_checks("hog")), ids=str)
    def test_my_target(check):
        check()
"""

from maskwright.targets.contract.suite import check_target, target_checks

__all__ = ["check_target", "target_checks"]
