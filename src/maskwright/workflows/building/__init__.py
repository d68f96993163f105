"""Building: from settings to models, policies, objectives and teachers."""
