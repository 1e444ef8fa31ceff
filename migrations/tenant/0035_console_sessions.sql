-- What a grant is for: 'client' for an app that a member has let in, 'console' for the member's own session in the console.
ALTER TABLE grants ADD COLUMN kind TEXT NOT NULL DEFAULT 'client';
