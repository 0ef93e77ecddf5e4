"""What the chapter differentiable-sparsification runs."""
