-- position grows in the order of commits: who stores orders holds an advisory lock (store.py), so a reader that has seen
-- position n has seen all below it. deliveries counts how often the queue handed the order over.
CREATE TABLE orders (
    id         uuid PRIMARY KEY,
    key        text NOT NULL UNIQUE,
    item       text NOT NULL,
    quantity   integer NOT NULL CHECK (quantity > 0),
    reference  text NOT NULL,
    position   bigint GENERATED ALWAYS AS IDENTITY UNIQUE,
    deliveries integer NOT NULL DEFAULT 1,
    stored_at  timestamptz NOT NULL DEFAULT now()
);

-- What came out of the queue and is no order: kept for people, never thrown away.
CREATE TABLE unreadable (
    sequence  bigint PRIMARY KEY,
    payload   bytea NOT NULL,
    reason    text NOT NULL,
    stored_at timestamptz NOT NULL DEFAULT now()
);
