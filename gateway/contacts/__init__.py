"""Standing of people: who must not be contacted, who consented to what, and the rules on it."""
