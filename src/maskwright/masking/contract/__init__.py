"""What every masking policy has to keep, as named checks that run in seconds, for any policy.

`check_policy(policy)` runs them all. With pytest, each is a test of its own:

    @pytest.mark.parametrize("check", list(policy_checks(MyPolicy())), ids=str)
    def test_my_policy(check):
        check()
"""

from maskwright.masking.contract.cases import GRIDS, RATIOS
from maskwright.masking.contract.suite import check_policy, policy_checks

__all__ = ["GRIDS", "RATIOS", "check_policy", "policy_checks"]
