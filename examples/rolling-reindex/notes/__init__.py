"""A site for notes, with a search over one's own. It knows nothing of maintenance."""
