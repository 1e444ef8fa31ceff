-- The tool as failures are compared by (`src/tools/scar/names.ts`), and what the action does (`command-line.ts`), which is
-- null for scars recorded before.
ALTER TABLE scars ADD COLUMN tool_name TEXT;
ALTER TABLE scars ADD COLUMN action_key TEXT;

UPDATE scars SET tool_name = lower(replace(replace(replace(tool, '_', ''), '-', ''), ' ', '')) WHERE tool IS NOT NULL;
UPDATE scars SET tool_name = 'shell' WHERE tool_name IN ('bash', 'bashtool', 'sh', 'zsh', 'terminal', 'console', 'cmd',
  'command', 'exec', 'execute', 'execcommand', 'executecommand', 'executebash', 'runcommand', 'runinterminal',
  'runterminalcmd', 'runterminalcommand', 'runshellcommand', 'shellcommand', 'shellexec', 'localshell');
UPDATE scars SET tool_name = 'edit' WHERE tool_name IN ('write', 'editfile', 'multiedit', 'writefile', 'writetofile',
  'createfile', 'strreplace', 'strreplaceeditor', 'strreplacebasededittool', 'applypatch', 'applydiff', 'replaceinfile',
  'replacestringinfile', 'searchreplace');
UPDATE scars SET tool_name = 'read' WHERE tool_name IN ('readfile', 'viewfile', 'openfile');

DROP INDEX scars_tool_target;
CREATE INDEX scars_tool_target ON scars (tool_name, target, last_seen);
CREATE INDEX scars_action ON scars (action_key, last_seen);
