"""Stock goes back to the shops: each movement that a shop did not cause itself is sent to its plugin, exactly once."""
