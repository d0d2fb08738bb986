-- Results in the buffer: live, stopped, repeated, taken away, whole, stale, several, hostile, endless; and the status.
local d = require('driving')
local check, sees, comes, wait_for = d.check, d.sees, d.comes, d.wait_for
d.use_plugin()
local belljar = require('belljar')

-- Live output, and the status while something runs.
local spin = d.open('spin.py')
check('status', 'before the first run: the policy', belljar.status():find('default', 1, true) ~= nil, belljar.status)
check(
  'status',
  'and how strong the sandbox is',
  wait_for(function() return belljar.status():find('full sandbox', 1, true) ~= nil end),
  function() return { belljar.state(), require('belljar.doctor').latest } end
)
vim.cmd('Belljar run file')
check(
  'live-output',
  'what was printed is there while the program runs',
  comes(spin, 'looking') and d.runs(spin)[1].state == 'running',
  d.all_of(spin)
)
check('status', 'that it runs stands below it', comes(spin, 'running', nil, 'below'), d.all_of(spin))
local before = sees(spin, 'running', nil, 'below').text
check(
  'status',
  'and for how long',
  wait_for(function()
    local now = sees(spin, 'running', nil, 'below')
    return now and now.text ~= before and now.text:find('%d s') ~= nil
  end),
  before
)
check(
  'status',
  'the statusline has it too',
  belljar.status():find('^● %d.* s default, full sandbox$') ~= nil,
  belljar.status
)
vim.o.statusline = "%f %{v:lua.require'belljar'.status()}"
local line = vim.api.nvim_eval_statusline(vim.o.statusline, {})
check('status', 'as a statusline shows it', line.str:find('default, full sandbox', 1, true) ~= nil, line)
d.said = {}
vim.cmd('Belljar status')
check(
  'status',
  'and `:Belljar status` says all of it',
  d.was_said('running') and d.was_said('policy of runs that name none: default') and d.was_said('sandbox: full'),
  d.said
)

-- The full output of a run that lives, in a buffer that follows it.
vim.cmd('Belljar output')
local tail = vim.api.nvim_get_current_buf()
check(
  'full-output',
  'the output of a live run opens',
  tail ~= spin
    and wait_for(
      function()
        return table.concat(vim.api.nvim_buf_get_lines(tail, 0, -1, false), '\n'):find('looking', 1, true) ~= nil
      end
    ),
  function() return vim.api.nvim_buf_get_lines(tail, 0, -1, false) end
)
check(
  'full-output',
  'it cannot be changed by mistake',
  not vim.bo[tail].modifiable and vim.bo[tail].buftype == 'nofile'
)
d.type('q')
check('full-output', '`q` closes it', vim.api.nvim_get_current_buf() == spin and not vim.api.nvim_buf_is_valid(tail))

-- Stop, again, clear.
vim.keymap.set('n', '<F5>', '<Plug>(belljar-stop)')
d.type('<F5>')
check('stop', 'a run is stopped', comes(spin, '■ stopped'), d.all_of(spin))
check(
  'stop',
  'and the status says that nothing runs',
  wait_for(function() return belljar.status() == 'default, full sandbox' end),
  belljar.status
)
check('stop', 'what it printed before stays', sees(spin, 'looking') ~= nil, d.all_of(spin))
local first = d.runs(spin)[1].id
vim.cmd('Belljar rerun')
check(
  'rerun',
  'the same lines run again',
  wait_for(function() return d.runs(spin)[1] and d.runs(spin)[1].id ~= first and d.runs(spin)[1].state == 'running' end),
  d.all_of(spin)
)
vim.cmd('Belljar stop')
wait_for(function() return d.runs(spin)[1].state == 'ended' end)
d.said = {}
vim.cmd('Belljar stop')
check('stop', 'where nothing runs it is said', d.was_said('nothing runs') ~= nil, d.said)
vim.cmd('Belljar clear')
check(
  'clear',
  'everything of the buffer is taken away',
  wait_for(function() return #d.drawn(spin) == 0 and #vim.diagnostic.get(spin) == 0 and #d.runs(spin) == 0 end),
  d.all_of(spin)
)

-- Two runs in one buffer.
local twins = d.open('twins.py')
d.cursor(5)
vim.cmd('Belljar run cell')
d.cursor(10)
vim.cmd('Belljar run cell')
check(
  'two-runs',
  'both run at once and show what they print',
  comes(twins, 'left is running') and comes(twins, 'right is running') and #d.runs(twins) == 2,
  d.all_of(twins)
)
check(
  'two-runs',
  'each in its place',
  (sees(twins, 'left is running') or {}).line < 8 and (sees(twins, 'right is running') or {}).line > 8,
  d.all_of(twins)
)
check('two-runs', 'the status counts them', belljar.status():find('2 runs', 1, true) ~= nil, belljar.status)
d.will_choose('twins.py:4')
vim.cmd('Belljar! output')
check(
  'two-runs',
  'one is chosen from a list',
  vim.api.nvim_get_current_buf() ~= twins
    and wait_for(
      function()
        return vim.api.nvim_buf_get_lines(0, 0, -1, false)[1]:find('left', 1, true) ~= nil
          or table.concat(vim.api.nvim_buf_get_lines(0, 0, -1, false)):find('left is running', 1, true) ~= nil
      end
    ),
  d.asked
)
d.type('q')
vim.cmd('Belljar stop!')
check('two-runs', 'and both are stopped', d.are_over(twins, 2), d.all_of(twins))

-- Clear all, in every buffer.
local steps = d.open('steps.py')
d.run(steps, 'Belljar run file')
vim.cmd('Belljar clear!')
check(
  'clear-all',
  'the results of every buffer are gone',
  wait_for(function() return #d.drawn(steps) == 0 and #d.drawn(twins) == 0 and #d.runs() == 0 end),
  d.all_of(steps)
)

-- Stale: marked when the text moves on, and no more when it is back; moved with its lines.
d.run(steps, 'Belljar run file')
vim.api.nvim_buf_set_lines(steps, 0, 0, false, { '# above', '# above' })
check('stale', 'results move with their lines', comes(steps, 'root 4.0', 21), d.all_of(steps))
vim.cmd('silent undo')
comes(steps, 'root 4.0', 19)
vim.api.nvim_buf_set_lines(steps, 18, 19, false, { 'print("root", math.sqrt(25))' })
check('stale', 'a result of another text is marked', comes(steps, 'the text has changed since'), d.all_of(steps))
check(
  'stale',
  'and its values look so',
  wait_for(function()
    local value = sees(steps, 'area 12')
    return value and vim.tbl_contains(value.groups, 'BelljarStale')
  end),
  function() return sees(steps, 'area 12') end
)
vim.cmd('silent undo')
check(
  'stale',
  'not any more when the text is back',
  wait_for(function() return not sees(steps, 'the text has changed since') and sees(steps, 'root 4.0', 19) ~= nil end),
  d.all_of(steps)
)
vim.cmd('19delete')
check(
  'stale',
  'the value of a deleted line goes with it',
  wait_for(function() return not sees(steps, 'root 4.0') end),
  d.all_of(steps)
)
vim.cmd('silent undo')
check('stale', 'and comes back with it', comes(steps, 'root 4.0', 19), d.all_of(steps))

-- Hostile output stays text, beside the line and in the buffer of the output.
local hostile = d.open('hostile.py')
vim.cmd('Belljar run file')
check('hostile-output', 'all of it runs', d.are_over(hostile, 1) and comes(hostile, 'last line'), d.all_of(hostile))
vim.cmd('Belljar output')
wait_for(
  function() return table.concat(vim.api.nvim_buf_get_lines(0, 0, -1, false)):find('last line', 1, true) ~= nil end
)
local texts = vim.api.nvim_buf_get_lines(0, 0, -1, false)
check(
  'hostile-output',
  'markup is shown as it is',
  table.concat(texts, '\n'):find('%#Error# %!v', 1, true) ~= nil
    and table.concat(texts, '\n'):find('[click](command:workbench.action.quit)', 1, true) ~= nil,
  texts
)
d.type('q')
vim.list_extend(texts, vim.tbl_map(function(drawn) return drawn.text end, d.drawn(hostile)))
vim.list_extend(texts, vim.tbl_map(function(diagnostic) return diagnostic.message end, vim.diagnostic.get(hostile)))
local bad = vim.tbl_filter(
  function(text)
    return text:gsub('\n', ''):find('%c')
      or text:find('\226\128[\170-\174]')
      or text:find('\226\129[\166-\169]')
      or text:find('\194[\128-\159]')
  end,
  texts
)
check('hostile-output', 'no control character and no change of direction is left', #texts > 15 and #bad == 0, bad)

-- The same once more without the server, which leaves nothing of this to the plugin.
local plain = require('belljar.ui').plain
local let_through = {}
for _, range in ipairs({
  { 0x01, 0x08 },
  { 0x0a, 0x1f },
  { 0x061c, 0x061c },
  { 0x200b, 0x200f },
  { 0x2028, 0x202e },
  { 0x2060, 0x2069 },
  { 0xfeff, 0xfeff },
  { 0xe0000, 0xe007f },
}) do
  for code = range[1], range[2] do
    if plain('a' .. vim.fn.nr2char(code, true) .. 'z') ~= 'a�z' then table.insert(let_through, ('U+%04X'):format(code)) end
  end
end
check('hostile-output', 'the plugin lets nothing through that is not seen', #let_through == 0, let_through)
local seen = 'é ؛؝ \u{200a}\u{2010}‧\u{202f}⁞⁰ ﻼ\u{ff01} 日本 😀 \u{e0100}'
check('hostile-output', 'and leaves what is seen as it is', plain(seen) == seen, plain(seen))
check(
  'hostile-output',
  'no line is longer than can be read',
  vim.iter(d.drawn(hostile)):all(function(drawn) return #drawn.text < 2500 end)
)

-- The name of a file is text as well.
local named = d.open(vim.env.BELLJAR_HOSTILE_NAME)
vim.cmd('Belljar run file')
check('hostile-name', 'it runs', comes(named, 'by any name', 2) and d.are_over(named, 1), d.all_of(named))
check(
  'hostile-name',
  'what it is refused stands on its line',
  d.is_told_on(3, named, '~/notes/diary.txt', 'files.read'),
  d.all_of(named)
)
vim.cmd('Belljar output')
check(
  'hostile-name',
  'all of its output opens, in a buffer whose name is one line',
  wait_for(
    function() return table.concat(vim.api.nvim_buf_get_lines(0, 0, -1, false)):find('by any name', 1, true) ~= nil end
  ) and not vim.api.nvim_buf_get_name(0):find('%c'),
  vim.api.nvim_buf_get_name(0)
)
vim.cmd('redrawstatus!')
d.type('q')

-- A flood: Neovim answers while it lasts, what is drawn stays small, and it is ended by a limit or by hand.
local flood = d.open('flood/flood.py')
vim.cmd('Belljar run file')
comes(flood, 'drop')
vim.cmd('Belljar output')
local flooded = vim.api.nvim_get_current_buf()
check(
  'full-output',
  'the output of a run that prints is followed',
  wait_for(
    function()
      return vim.api.nvim_buf_line_count(flooded) > 200 and vim.fn.line('.') == vim.api.nvim_buf_line_count(flooded)
    end
  ),
  function() return { vim.fn.line('.'), vim.api.nvim_buf_line_count(flooded) } end
)
-- Neovim's own processor time from one beat to the next: what others do on this machine does not count.
local function worked()
  local usage = assert(vim.uv.getrusage())
  return (usage.utime.sec + usage.stime.sec) * 1000 + (usage.utime.usec + usage.stime.usec) / 1000
end
local slowest, beats, beat = 0, 0, worked()
local heart = assert(vim.uv.new_timer())
heart:start(
  5,
  5,
  vim.schedule_wrap(function()
    slowest, beats, beat = math.max(slowest, worked() - beat), beats + 1, worked()
  end)
)
check('flood', 'the run ends by a limit', d.are_over(flood, 1) and sees(flood, ' limit') ~= nil, d.all_of(flood))
heart:close()
check(
  'flood',
  'Neovim was never busy for half a second',
  beats > 3 and slowest < 500,
  { slowest = slowest, beats = beats }
)
d.measured('longest that Neovim was busy during a flood', slowest)
check('flood', 'only the last lines are drawn', #d.drawn(flood) < 20, function() return #d.drawn(flood) end)
d.finish()
