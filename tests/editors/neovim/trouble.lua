-- When not everything is in order: no binary, no sandbox, a server that dies; and buffers that no file holds.
local d = require('driving')
local check, sees, comes, wait_for = d.check, d.sees, d.comes, d.wait_for
local path = vim.env.PATH

-- No binary: nothing is said as long as nothing is asked for, then it is, with what to do.
vim.env.PATH = '/usr/bin:/bin'
d.use_plugin()
vim.cmd.edit(d.work .. '/steps.py')
local steps = vim.api.nvim_get_current_buf()
check('no-server', 'a missing binary does not disturb who opens a file', #d.said == 0, d.said)
vim.cmd('Belljar run file')
check('no-server', 'whoever runs something is told', d.was_said('is not installed') ~= nil, d.said)
check(
  'no-server',
  'and what to do',
  (d.was_said('is not installed') or ''):find('cargo install', 1, true) ~= nil and d.was_said(':checkhealth') ~= nil,
  d.said
)
vim.cmd('checkhealth belljar')
local health = table.concat(vim.api.nvim_buf_get_lines(0, 0, -1, false), '\n')
check(
  'no-server',
  'the health page says the same',
  health:find('ERROR') and health:find('is not installed', 1, true) ~= nil,
  health
)
vim.cmd.bwipeout()

-- A machine that cannot make sandboxes: the server is started where no user namespace may be made any more.
vim.env.PATH = path
vim.fn.writefile({
  '#!/bin/sh',
  'exec unshare -Ur sh -c \'echo 0 >/proc/sys/user/max_user_namespaces && exec "$0" "$@"\' belljar "$@"',
}, d.work .. '/caged')
vim.fn.setfperm(d.work .. '/caged', 'rwxr-xr-x')
vim.lsp.config('belljar', { cmd = { d.work .. '/caged', 'lsp' } })
d.said = {}
vim.cmd.buffer(steps)
vim.cmd('Belljar run file')
check(
  'cannot-sandbox',
  'nothing runs',
  d.are_over(steps, 1) and not sees(steps, 'number') and d.runs(steps)[1].ending.kind == 'failed',
  d.all_of(steps)
)
check('cannot-sandbox', 'the buffer says so', comes(steps, 'could not run'), d.all_of(steps))
check(
  'cannot-sandbox',
  "the doctor's finding is shown",
  wait_for(function() return d.was_said('cannot make a sandbox') ~= nil end),
  d.said
)
local why = d.was_said('cannot make a sandbox') or ''
check(
  'cannot-sandbox',
  'with the command that mends it',
  why:find('user namespaces', 1, true) ~= nil and why:find('mend it: sudo sysctl', 1, true) ~= nil,
  why
)
check(
  'cannot-sandbox',
  'and the status says it',
  require('belljar').status():find('no sandbox', 1, true) ~= nil,
  require('belljar').status()
)
vim.cmd('checkhealth belljar')
health = table.concat(vim.api.nvim_buf_get_lines(0, 0, -1, false), '\n')
check(
  'cannot-sandbox',
  'the health page has it too',
  health:find('could not be run in a sandbox', 1, true) ~= nil and health:find('sudo sysctl', 1, true) ~= nil,
  health
)
vim.cmd.bwipeout()
d.clear(steps)
local old = d.client(steps)
if old then
  old:stop()
  wait_for(function() return old:is_stopped() and #vim.lsp.get_clients() == 0 end)
end
check('cannot-sandbox', 'a server that is told to stop is not mourned', not d.was_said('ended unexpectedly'), d.said)

-- Control: the same file on the machine as it is. And what the health page says then.
vim.lsp.config('belljar', { cmd = { 'belljar', 'lsp' }, init_options = { policy = 'build' } })
vim.cmd('Belljar run file')
check(
  'cannot-sandbox',
  'control: without the cage it runs',
  comes(steps, 'area 12') and d.are_over(steps, 1),
  d.all_of(steps)
)
check(
  'status',
  'the policy of the settings is in the status',
  wait_for(function() return vim.startswith(require('belljar').status(), 'build, ') end),
  require('belljar').status()
)
vim.cmd('Belljar doctor')
health = table.concat(vim.api.nvim_buf_get_lines(0, 0, -1, false), '\n')
check(
  'status',
  'the health page: version, sandbox, layers, languages',
  health:find('belljar %d+%.%d+%.%d+')
    and health:find('OK a program was run in a sandbox', 1, true)
    and health:find('system call filter', 1, true)
    and health:find('Python: /', 1, true) ~= nil,
  health
)
check('status', 'and no error', not health:find('ERROR', 1, true), health)
vim.cmd.bwipeout()

-- The server is killed while something runs: it is said, and the next run works, also in the other buffer it had.
local spin = d.open('spin.py')
vim.cmd('Belljar policy strict')
wait_for(function() return d.was_said('`strict`') ~= nil end)
vim.cmd('Belljar run file')
comes(spin, 'looking')
d.said = {}
local server = assert(d.client(spin))
local pid = tonumber(vim.trim(vim.fn.system({ 'pgrep', '-f', '-P', tostring(vim.uv.os_getpid()), 'belljar lsp' })))
assert(pid, 'the process of the server')
vim.uv.kill(pid, 'sigkill')
check(
  'server-restart',
  'the end of the server is said',
  wait_for(function() return d.was_said('the server ended unexpectedly (signal 9)') ~= nil end),
  d.said
)
check('server-restart', 'and that its run is lost', comes(spin, 'lost: the server ended'), d.all_of(spin))
check(
  'server-restart',
  'nothing counts as running any more',
  require('belljar').state().running == 0,
  require('belljar').state()
)
check('server-restart', 'older results stay', sees(steps, 'area 12') ~= nil, d.all_of(steps))
vim.cmd('Belljar rerun')
check(
  'server-restart',
  'the next run starts a new server',
  wait_for(function()
    local run = d.runs(spin)[1]
    return run and run.state == 'running' and run.client_id ~= server.id
  end),
  d.all_of(spin)
)
check('server-restart', 'under the policy that was chosen before', d.runs(spin)[1].policy == 'strict', d.all_of(spin))
check('server-restart', 'which has the other buffer too', wait_for(function() return d.client(steps) ~= nil end))
vim.cmd('Belljar stop')
wait_for(function() return d.runs(spin)[1].state == 'ended' end)
vim.cmd('Belljar clear!')
check(
  'server-restart',
  'results of the old server can be cleared',
  wait_for(function() return #d.drawn(spin) == 0 and #d.drawn(steps) == 0 end),
  function() return { d.all_of(spin)(), d.all_of(steps)() } end
)

vim.cmd('Belljar policy default')
wait_for(function() return d.was_said('`default`') ~= nil end)

-- What is on the screen runs, saved or not.
vim.cmd.buffer(steps)
vim.api.nvim_buf_set_lines(steps, 6, 7, false, { 'print("changed, not saved")' })
vim.cmd('Belljar run file')
check(
  'unsaved',
  'changes that are not saved run',
  comes(steps, 'changed, not saved') and vim.bo[steps].modified,
  d.all_of(steps)
)
vim.cmd('silent undo')
vim.bo[steps].modified = false
vim.cmd.enew()
vim.api.nvim_buf_set_name(0, d.work .. '/never saved ä.py')
vim.bo.filetype = 'python'
vim.api.nvim_buf_set_lines(0, 0, -1, false, { 'print("in memory", 6 * 7)' })
vim.cmd('Belljar run file')
check(
  'unsaved',
  'also a file that is not there yet',
  comes(vim.api.nvim_get_current_buf(), 'in memory 42') and vim.fn.filereadable(d.work .. '/never saved ä.py') == 0,
  d.all_of(0)
)
vim.bo.modified = false

-- Buffers without any name, two at once: neither is mistaken for the other.
local function unnamed(...)
  vim.cmd.enew()
  vim.bo.filetype = 'python'
  vim.api.nvim_buf_set_lines(0, 0, -1, false, { ... })
  return vim.api.nvim_get_current_buf()
end
local one = unnamed('x = 6', 'print("first", x * 7)')
vim.cmd('Belljar run file')
check('untitled', 'a buffer without a name runs', comes(one, 'first 42', 2), d.all_of(one))
vim.bo[one].bufhidden = 'hide'
vim.bo[one].modified = false
local two = unnamed(
  'import os',
  'print("second")',
  'try:',
  '    open(os.path.expanduser("~/notes/diary.txt"))',
  'except OSError:',
  '    pass'
)
vim.cmd('2Belljar run')
check('untitled', 'a selection of a second one too', comes(two, 'second', 2) and not sees(one, 'second'), d.all_of(two))
vim.cmd('Belljar run file')
check(
  'untitled',
  'refusals stand on its lines',
  d.is_told_on(4, two, '~/notes/diary.txt', 'files.read'),
  d.all_of(two)
)
check(
  'untitled',
  'and no other buffer was made for them',
  not vim
    .iter(vim.api.nvim_list_bufs())
    :any(function(buffer) return vim.api.nvim_buf_get_name(buffer):find('untitled:', 1, true) ~= nil end),
  function() return vim.tbl_map(vim.api.nvim_buf_get_name, vim.api.nvim_list_bufs()) end
)
d.are_over(two, 1)
d.will_choose('Allow once')
vim.cmd('Belljar allow')
check(
  'untitled',
  'they can be allowed',
  wait_for(
    function()
      return d.runs(two)[1]
        and d.runs(two)[1].state == 'ended'
        and #d.diagnostics(two, 'files.read') == 0
        and #d.diagnostics(two, '~/notes/diary.txt') == 0
    end
  ),
  d.all_of(two)
)
vim.api.nvim_buf_set_lines(two, 1, 2, false, { 'print("third")' })
check('untitled', 'an edit marks the result', comes(two, 'the text has changed since'), d.all_of(two))
vim.cmd('Belljar rerun')
check('untitled', 'and the new text runs', comes(two, 'third', 2), d.all_of(two))
d.are_over(two, 1)
vim.cmd('silent write ' .. vim.fn.fnameescape(d.work .. '/named.py'))
vim.cmd('Belljar run file')
check('untitled', 'it can be given a name, and runs on', comes(two, 'third', 2) and wait_for(function()
  local run = d.runs(two)[1]
  return run and run.name:find('named.py', 1, true) ~= nil
end), d.all_of(two))
vim.cmd.enew()
vim.bo.buftype, vim.bo.filetype = 'nofile', 'sh'
vim.api.nvim_buf_set_lines(0, 0, -1, false, { 'echo scratch $((6 * 7))' })
local scratch = vim.api.nvim_get_current_buf()
vim.cmd('Belljar run line')
check('untitled', 'a scratch buffer runs', comes(scratch, 'scratch 42'), d.all_of(scratch))
d.finish()
