"""One module for each thing that people ask about; each returns sentences, or none where the material says nothing of it."""
