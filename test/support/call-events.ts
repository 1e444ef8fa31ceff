/** The server-sent events of a response, as they come; those without data are left out. */
export async function* eventsOf(
  response: Response,
): AsyncGenerator<{ event: string; id: string; data: unknown }> {
  const decoder = new TextDecoder();
  let text = '';
  for await (const chunk of response.body ?? []) {
    text += decoder.decode(chunk, { stream: true });
    const frames = text.split('\n\n');
    text = frames.pop() ?? '';
    for (const frame of frames) {
      const fields = new Map(
        frame.split('\n').map((line): [string, string] => {
          const [name = '', ...value] = line.split(': ');
          return [name, value.join(': ')];
        }),
      );
      const data = fields.get('data');
      if (data === undefined) continue;
      yield { event: fields.get('event') ?? 'message', id: fields.get('id') ?? '', data: JSON.parse(data) };
    }
  }
}
