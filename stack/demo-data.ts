/** Password of every demo account of the customer organization. */
export const demoPassword = 'clarity-demo';

export const demoOrganization = 'Acme';

/** Accounts of the customer organization, the owner first. */
export const demoAccounts = [
  { email: 'owner@acme.example', role: 'owner' },
  { email: 'admin@acme.example', role: 'admin' },
  { email: 'member@acme.example', role: 'member' },
  { email: 'viewer@acme.example', role: 'viewer' },
] as const;

export const demoModules = ['crm', 'conversations', 'functions'];

export const demoCustomers = [
  {
    firstName: 'Ada',
    lastName: 'Lovelace',
    emails: [
      { email: 'ada@lovelace.example', isPrimary: true },
      { email: 'countess@lovelace.example', isPrimary: false },
    ],
    phones: [{ phone: '+442079460001', type: 'mobile', isPrimary: true }],
    addresses: [
      { addressLine1: '12 St James’s Square', city: 'London', state: 'England', postalCode: 'SW1Y 4JH', country: 'GB' },
    ],
  },
  {
    firstName: 'Grace',
    lastName: 'Hopper',
    emails: [{ email: 'grace@hopper.example', isPrimary: true }],
    phones: [
      { phone: '+12125550123', type: 'work', isPrimary: true },
      { phone: '+12125550124', type: 'home', isPrimary: false },
    ],
    addresses: [
      { addressLine1: '1 Navy Yard', city: 'Arlington', state: 'Virginia', postalCode: '22202', country: 'US' },
    ],
  },
  {
    firstName: 'Konrad',
    lastName: 'Zuse',
    emails: [{ email: 'konrad@zuse.example', isPrimary: true }],
    phones: [{ phone: '+4930123456', type: 'work', isPrimary: true }],
    addresses: [
      { addressLine1: 'Methfesselstraße 7', city: 'Berlin', state: 'Berlin', postalCode: '10965', country: 'DE' },
    ],
  },
];

export const demoConversation = {
  title: 'Renewal of the Lovelace contract',
  subject: 'What to offer Ada',
  messages: [
    { role: 'user', messageContent: 'Ada’s contract ends next month. What did we promise her last time?' },
    { role: 'assistant', messageContent: 'A fixed price for two years, and a training day for her team.' },
    { role: 'user', messageContent: 'Then draft an offer that keeps both.' },
  ],
};

export const demoFunction = {
  name: 'full_name',
  description: 'Joins the first and the last name of a customer',
  code: 'export default ({ firstName, lastName }) => `${firstName} ${lastName}`;',
};
