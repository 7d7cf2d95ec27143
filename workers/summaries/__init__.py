"""What summaries are made with: their prompts, lengths, forms, and keeping to the source."""
