"""The REST API of the contact registry, for systems that hold consents of their own."""
