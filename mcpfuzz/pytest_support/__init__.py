"""What the pytest plugin is made of. `mcpfuzz.plugin` itself imports none of it before something is asked for.

thread     a trio loop in the background, driven from any thread and any loop
facade     sessions on it: blocking (`mcp`) and awaitable (`mcp_connect`)
options    command line and [tool.mcpfuzz] -> targets and settings
campaigns  one open campaign per target, its clock, and the record of what was played
items      collectors and items of --mcp-fuzz
replaying  a finding as a test (`mcp_replay`)
snapshots  the pinned surface (`mcp_snapshot`)
support    all of that for one pytest run
"""
