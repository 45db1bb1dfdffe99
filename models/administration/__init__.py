"""An Exact administration: policy, budget of calls, who is served when."""
