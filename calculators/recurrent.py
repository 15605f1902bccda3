"""How can a layer remember a text in a fixed state? Linear attention and state-space layers."""
