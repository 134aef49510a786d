"""A conversation as the tokens a model is given: chat templates, their sandbox, documents."""
