// What the unit tests need of the editor: its words, untranslated.
export const l10n = {
  t: (message: string, ...values: unknown[]) => message.replace(/\{(\d+)\}/g, (_, n: string) => String(values[Number(n)])),
};
