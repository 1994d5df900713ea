"""Tables and views of the statistics database, in DuckDB's SQL."""

EPISODE_TABLES = {
    "episodes": """
        id TEXT PRIMARY KEY,
        step_count INTEGER,
        created_at TIMESTAMP,
        completed_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP,
        simulation_id TEXT,
        replay_url TEXT
    """,
    "episode_attributes": """
        episode_id TEXT,
        attribute TEXT,
        value TEXT,
        PRIMARY KEY (episode_id, attribute)
    """,
    "agent_groups": """
        episode_id TEXT,
        group_id INTEGER,
        agent_id INTEGER,
        PRIMARY KEY (episode_id, group_id, agent_id)
    """,
    "agent_metrics": """
        episode_id TEXT,
        agent_id INTEGER,
        metric TEXT,
        value REAL,
        PRIMARY KEY (episode_id, agent_id, metric)
    """,
}

EVAL_TABLES = {
    "simulations": """
        id TEXT PRIMARY KEY,
        name TEXT NOT NULL,
        suite TEXT NOT NULL,
        env TEXT NOT NULL,
        policy_key TEXT NOT NULL,
        policy_version INT NOT NULL,
        created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP,
        finished_at TIMESTAMP
    """,
    "agent_policies": """
        episode_id TEXT NOT NULL,
        agent_id INTEGER NOT NULL,
        policy_key TEXT NOT NULL,
        policy_version INT NOT NULL,
        PRIMARY KEY (episode_id, agent_id)
    """,
}

EVAL_VIEWS = {
    "policy_simulation_agent_samples": """
        SELECT ap.policy_key, ap.policy_version, s.suite AS sim_suite, s.name AS sim_name, s.env AS sim_env,
               ap.episode_id, ap.agent_id
        FROM agent_policies ap
        JOIN episodes e ON e.id = ap.episode_id
        JOIN simulations s ON s.id = e.simulation_id
    """,
    "policy_simulation_agent_metrics": """
        SELECT ps.policy_key, ps.policy_version, ps.sim_suite, ps.sim_name, ps.sim_env, am.metric, am.value
        FROM policy_simulation_agent_samples ps
        JOIN agent_metrics am ON am.episode_id = ps.episode_id AND am.agent_id = ps.agent_id
    """,
}
