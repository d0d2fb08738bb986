-- What `belljar doctor` says about this machine: whether programs can be run in a sandbox, how strong it is, what mends it.
local client = require('belljar.client')

local M = {}

-- The latest that is known.
---@type belljar.Diagnosis?
M.latest = nil

-- As JSON decodes it; nothing if the doctor could not be asked.
---@param on_result fun(diagnosis: belljar.Diagnosis?, problem: string?)
function M.examine(on_result)
  local command = client.command('doctor', '--json')
  local started, problem = pcall(
    vim.system,
    command,
    { text = true, timeout = 30000 },
    vim.schedule_wrap(function(done)
      local ok, diagnosis = pcall(vim.json.decode, done.stdout or '', { luanil = { object = true } })
      if not ok or type(diagnosis) ~= 'table' or type(diagnosis.layers) ~= 'table' then
        return on_result(nil, ('`%s` answered: %s'):format(table.concat(command, ' '), vim.trim(done.stderr or '')))
      end
      M.latest = diagnosis
      on_result(diagnosis)
    end)
  )
  if not started then on_result(nil, tostring(problem)) end
end

-- The layers that are off.
---@param diagnosis belljar.Diagnosis
---@return belljar.Finding[]
function M.off(diagnosis)
  return vim.tbl_filter(function(finding) return not finding.on end, diagnosis.layers)
end

-- What holds programs and is off. Limits that a watcher holds, and refusals without their lines, are no hole.
---@param diagnosis belljar.Diagnosis
---@return string[]
function M.weak(diagnosis)
  local weak = {}
  for layer, on in pairs(diagnosis.posture or {}) do
    if (on == false or on == 0) and layer ~= 'cgroup' and layer ~= 'located' then
      table.insert(weak, (layer:gsub('_', ' ')))
    end
  end
  table.sort(weak)
  return weak
end

-- Says why nothing can be run here, and what mends it.
---@param diagnosis belljar.Diagnosis
local function tell(diagnosis)
  local lines = { 'this machine cannot make a sandbox, so nothing is run.' }
  for _, finding in ipairs(M.off(diagnosis)) do
    table.insert(lines, ('%s: %s'):format(finding.layer, finding.detail))
    if finding.remedy then table.insert(lines, '  mend it: ' .. finding.remedy) end
  end
  table.insert(lines, 'All about it: :checkhealth belljar')
  client.say(table.concat(lines, '\n'), vim.log.levels.ERROR)
end

-- After a run that could not be started.
function M.tell_why()
  M.examine(function(diagnosis)
    if diagnosis and not diagnosis.works then tell(diagnosis) end
    require('belljar.status').changed()
  end)
end

local has_looked = false

-- Once a session, when the first server is there: a user should know before the first run. In few words, because nobody
-- asked.
function M.look_once()
  if has_looked then return end
  has_looked = true
  M.examine(function(diagnosis)
    if diagnosis and not diagnosis.works then
      client.say('no sandbox can be made here, so nothing will be run. See :checkhealth belljar', vim.log.levels.WARN)
    end
    require('belljar.status').changed()
  end)
end

return M
