"""Where data may go: the law as data, where an address stands, and the judgement. Pure."""
