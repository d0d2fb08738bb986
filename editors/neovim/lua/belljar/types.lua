---@meta
-- What crosses between the server and this plugin. Mirrors server/protocol/src/wire.rs. All texts in it are harmless to
-- show as they are; lines are counted from 0.

---@alias belljar.What 'selection'|'line'|'function'|'cell'|'block'|'upTo'|'file'

---@class belljar.RunArguments
---@field uri string
---@field what? belljar.What
---@field range? lsp.Range The selection, or where the cursor is.
---@field policy? string
---@field arguments? string[] Arguments for the program.
---@field stdin? string

---@class belljar.RunChoice
---@field run? string
---@field uri? string
---@field all? boolean

---@class belljar.PolicyEntry
---@field name string
---@field description string
---@field active boolean Runs that name no policy have this one.

---@class belljar.Transcript
---@field title string
---@field text string
---@field done boolean

---@class belljar.OutputPiece
---@field stream 'stdout'|'stderr'
---@field text string
---@field line? integer The line that printed it, where that is known.

---@class belljar.Violation
---@field index integer Its number in the report, for `belljar.allow`.
---@field code string
---@field message string
---@field line integer
---@field located boolean
---@field allow? string The rule that would allow it.

---@class belljar.Ending
---@field kind 'exited'|'signaled'|'limit'|'cancelled'|'refused'|'failed'|'lost'
---@field code? integer
---@field signal? integer
---@field limit? string
---@field reason? string
---@field step? string
---@field errno? string
---@field hint? string

---@class belljar.Posture
---@field full boolean Nothing was weaker than it can be.
---@field summary string

---@class belljar.Event
---@field run string
---@field uri string
---@field name string
---@field policy string
---@field what belljar.What
---@field version integer The document's version that every line here belongs to.
---@field lines [integer, integer]
---@field kind 'queued'|'started'|'output'|'violation'|'ended'|'stale'|'cleared'
---@field ahead? integer
---@field output? belljar.OutputPiece[]
---@field omittedBytes? integer
---@field violation? belljar.Violation
---@field violations? belljar.Violation[]
---@field ok? boolean
---@field ending? belljar.Ending
---@field summary? string
---@field hint? string
---@field truncated? boolean
---@field wallMs? number
---@field posture? belljar.Posture
---@field notes? string[] What else is worth knowing about the run.
---@field stale? boolean

---@class belljar.Finding A layer that `belljar doctor --json` looked at.
---@field layer string
---@field on boolean
---@field detail string
---@field remedy? string

---@class belljar.Diagnosis
---@field works boolean A program was run in a sandbox.
---@field posture? table<string, boolean|integer|string> Which layers that program saw on.
---@field layers belljar.Finding[]

---@class belljar.Config
---@field enable? boolean Start the server for files of known languages. Default: true.
---@field max_lines? integer So many lines of output are shown below a run. Default: 10.
---@field max_width? integer So many characters of a value are shown behind a line. Default: 120.
---@field symbols? { value: string, waiting: string, running: string, lost: string }
