"""What the load door and the Locust users share: the plan, the counting, the estimate of a rate limit, the verdict.
Plain values and pure functions; nothing here imports trio, gevent or locust, or opens a connection."""
